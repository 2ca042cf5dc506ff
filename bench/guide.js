// What `kohe bench guide` runs in its pages besides page.js.
(() => {
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const now = () => performance.timeOrigin + performance.now();
  const frame = () => new Promise((done) => requestAnimationFrame(done));

  /** The first task after the frame that is under way, or comes next. */
  const task = () =>
    new Promise((done) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = done;
      port2.postMessage(0);
    });
  const painted = async () => {
    await frame();
    await task();
    return now();
  };

  async function found(what, find) {
    for (const end = now() + 15_000; now() < end; await pause(5)) {
      const it = find();
      if (it) return it;
    }
    throw new Error(`${what} did not come`);
  }

  const mirror = () => document.querySelector('.mirror-stage iframe');
  const ours = () => document.querySelector('kohe-widget')?.shadowRoot;
  const places = []; // [time, x, y] of the agent's hand, as painted
  const heard = new Map(); // what the field had, and since when

  Object.assign(window.bench, {
    /** Ticks what stands in the widget. */
    async tick(text) {
      (await found(text, () => [...ours().querySelectorAll('label')].find((label) => label.checkVisibility() && label.textContent.includes(text)))).click();
    },

    /** Where on the agent's screen an element of the mirror is, once it is there: its middle. */
    async spot(selector) {
      const field = await found(selector, () => {
        const there = mirror()?.contentDocument?.querySelector(selector);
        const { top = -1, bottom = 0 } = there?.getBoundingClientRect() ?? {};
        return top >= 0 && bottom < mirror().offsetHeight && there;
      });
      const outer = mirror().getBoundingClientRect();
      const scale = outer.width / mirror().offsetWidth;
      const { left, top, width, height } = field.getBoundingClientRect();
      return [outer.left + (left + width / 2) * scale, outer.top + (top + height / 2) * scale];
    },

    /** Notes where the hand is painted. It is put in its place in an animation frame; the task after that is its paint. */
    watchHand() {
      const note = () => {
        const hand = ours().querySelector('.hand');
        const [x, y] = /translate\(([-\d.]+)px, ?([-\d.]+)px\)/.exec(hand?.style.transform ?? '')?.slice(1) ?? [];
        if (x !== undefined) task().then(() => places.push([now(), Number(x), Number(y)]));
      };
      new MutationObserver(note).observe(ours(), { subtree: true, childList: true, attributeFilter: ['style'] });
    },
    places: () => places.splice(0),

    /** Moves the pointer over the mirror, from one random place to another; returns when. */
    async point(count) {
      const glass = await found('the glass', () => document.querySelector('.glass'));
      const box = glass.getBoundingClientRect();
      const seen = mirror().getBoundingClientRect();
      const right = Math.min(box.right, seen.right);
      const bottom = Math.min(box.bottom, seen.bottom);
      const at = [];
      for (let i = 0; i < count; i++) {
        await pause(140 + 60 * Math.random());
        const clientX = box.left + 20 + (i % 2 ? 0.6 : 0.1) * (right - box.left - 60) + 40 * Math.random();
        const clientY = box.top + 20 + Math.random() * (bottom - box.top - 60);
        at.push(now());
        glass.dispatchEvent(new PointerEvent('pointermove', { clientX, clientY, bubbles: true }));
      }
      await pause(200);
      return at;
    },

    /** Notes since when the visitor's field has which text. */
    watchField() {
      const field = document.querySelector('#note');
      field.scrollIntoView({ block: 'center', behavior: 'instant' });
      field.addEventListener('input', () => heard.has(field.value) || heard.set(field.value, now()));
    },
    heard: () => Object.fromEntries(heard),

    /** Types into the open editor key by key; returns for each text when it was typed and painted in the mirror. */
    async fill(count) {
      const editor = await found('the editor', () => document.querySelector('.mirror-editor'));
      const times = [];
      let text = '';
      for (let i = 0; i < count; i++) {
        await pause(250 + 60 * Math.random());
        text += 'abcdefghij'[i % 10];
        editor.value = text;
        const at = now();
        editor.dispatchEvent(new InputEvent('input', { bubbles: true, data: text.at(-1), inputType: 'insertText' }));
        await found(text, () => mirror().contentDocument.querySelector('#note').value === text);
        times.push([text, at, await painted()]);
      }
      return times;
    },

    /** Presses a button that has an icon and a name. */
    async pressNamed(name) {
      (await found(name, () => document.querySelector(`button[aria-label="${name}"]`))).click();
    },

    /** Goes to random places of a recording; returns how long each took to be painted. */
    async seek(count) {
      const slider = await found('the slider', () => document.querySelector('input[type=range].replay-slider'));
      await found('the page', () => mirror()?.contentDocument?.querySelector('#end'));
      const times = [];
      for (let i = 0; i < count; i++) {
        await pause(150);
        const drawn = new Promise((done) => {
          const observer = new MutationObserver(() => {
            observer.disconnect();
            done();
          });
          observer.observe(mirror().contentDocument, { childList: true, characterData: true, subtree: true });
        });
        const at = now();
        slider.value = String(Math.floor(Math.random() * Number(slider.max)));
        slider.dispatchEvent(new InputEvent('input', { bubbles: true }));
        await Promise.race([drawn, pause(8000).then(() => Promise.reject(new Error('a seek changed nothing')))]);
        times.push((await painted()) - at);
      }
      return times;
    },

    /** What there is of a session's recording (Api.recording). */
    recording: async (session) => (await fetch(`/api/v1/sessions/${session}/recording`)).json(),
    session: () => location.hash.split('/')[1],
  });
})();
