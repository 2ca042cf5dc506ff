// What `kohe bench page` runs in its pages, at both ends and for both engines.
(() => {
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  /** ms since 1970: the clock that all pages of one machine share. */
  const now = () => performance.timeOrigin + performance.now();

  /** Waits at most 15 s for what find returns. */
  async function found(what, find) {
    for (const end = now() + 15_000; now() < end; await pause(20)) {
      const it = find();
      if (it) return it;
    }
    throw new Error(`${what} did not come`);
  }

  async function connect(address) {
    const socket = new WebSocket(address);
    await new Promise((done, failed) => Object.assign(socket, { onopen: done, onerror: () => failed(new Error(`no ${address}`)) }));
    return socket;
  }

  // People press what they read, in the page or in the widget's shadow root.
  const all = (selector) =>
    [document, document.querySelector('kohe-widget')?.shadowRoot].flatMap((root) => [...(root?.querySelectorAll(selector) ?? [])]);
  const shown = (element) => element.checkVisibility();

  // Bytes that this page gave to WebTransport, on all its streams and in datagrams.
  let given = 0;
  const { write } = WritableStreamDefaultWriter.prototype;
  WritableStreamDefaultWriter.prototype.write = function (chunk) {
    given += chunk?.byteLength ?? 0;
    return write.call(this, chunk);
  };

  const painted = []; // [number, time], in order
  const framed = []; // the same, when an animation frame was over that was asked for once the number was there
  let looking; // whether the mirror was drawn anew

  window.bench = {
    async press(text) {
      const pressed = (element) => shown(element) && element.textContent.trim().startsWith(text);
      (await found(text, () => all('button, label').find(pressed))).click();
    },

    async type(name, text) {
      const field = await found(name, () => all(`input[name="${name}"]`).find(shown));
      field.value = text;
      field.dispatchEvent(new InputEvent('input', { bubbles: true, composed: true }));
    },

    /** How this page came to be connected. It forgets that, so that the next one tries WebTransport again. */
    async transport() {
      const key = 'kohe.transport';
      const [name] = (await found(key, () => localStorage.getItem(key))).split('@');
      localStorage.removeItem(key);
      return name;
    },

    given: () => given,

    async record(address) {
      const socket = await connect(address);
      const record = window.rrweb?.record ?? window.rrwebRecord.record ?? window.rrwebRecord;
      record({ emit: (event) => socket.send(JSON.stringify(event)) });
    },

    /** rrweb's live mode without its buffer, which is as soon as it can be. */
    async replay(address) {
      const { Replayer } = window.rrweb ?? window.rrwebReplay;
      const replayer = new Replayer([], { liveMode: true, mouseTail: false, showWarning: false });
      replayer.startLive(Date.now());
      const socket = await connect(address);
      socket.onmessage = ({ data }) => replayer.addEvent(JSON.parse(data));
    },

    /**
     * Changes the page's number, count times from first on, at random times; returns when each was. Meanwhile the
     * page's tickers tick.
     */
    async change(first, count) {
      const number = document.querySelector('#number').firstChild;
      const cells = [...document.querySelectorAll('.tick')];
      let dice = 1; // the same sequence each time
      const tick = () => {
        for (let i = 0; i < 200; i++) {
          dice = (dice * 48_271) % 0x7fff_ffff;
          cells[dice % cells.length].textContent = (dice / 1e7).toFixed(2);
        }
      };
      const ticking = cells.length ? setInterval(tick, 33) : 0;
      const at = [];
      for (let i = 0; i < count; i++) {
        await pause(60 + 50 * Math.random());
        at.push(now());
        number.data = `${first + i}`;
      }
      clearInterval(ticking);
      return at;
    },

    /**
     * Notes when the mirror of a page shows which number. A number counts as painted in the first task after the frame
     * that draws it. That frame's layout tells a ResizeObserver, whether the change came before the frame or, as
     * rrweb's do, in its animation callbacks: asking for another animation frame counts those a frame too late. That
     * way is taken too, because it is a usual one.
     */
    async watch(page) {
      const find = () => {
        const mirrored = document.querySelector('.mirror-stage iframe, .replayer-wrapper iframe')?.contentDocument;
        return mirrored?.querySelector('#end') && mirrored.querySelector(`#number[data-page="${page}"]`);
      };
      let number = await found(`the mirror of ${page}`, find);
      const sentinel = document.createElement('div');
      Object.assign(sentinel.style, { position: 'fixed', top: 0, left: 0, width: '1px', height: '1px' });
      document.body.append(sentinel);
      let seen = [];
      new ResizeObserver(() => {
        const drawn = seen;
        seen = [];
        if (drawn.length) after(painted, Math.max(...drawn));
      }).observe(sentinel);
      const after = (list, n) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => list.push([n, now()]);
        port2.postMessage(0);
      };
      const see = () => {
        const n = Number(number.textContent);
        seen.push(n);
        requestAnimationFrame(() => after(framed, n));
        if (seen.length === 1) sentinel.style.width = sentinel.style.width === '1px' ? '2px' : '1px';
      };
      const observer = new MutationObserver(see);
      const observe = () => observer.observe(number, { childList: true, characterData: true, subtree: true });
      observe();
      clearInterval(looking);
      looking = setInterval(() => {
        const there = find();
        if (!there || there === number) return;
        number = there; // in a new snapshot, after the visitor's end could not keep up
        observe();
        see();
      }, 50);
    },

    /** What was painted since the last call, and when its next frame was over, once the last number is there. */
    async painted(last) {
      for (const list of [painted, framed]) await found(`change ${last}`, () => list.some(([number]) => number >= last));
      return [painted.splice(0), framed.splice(0)];
    },

    visible: () => document.visibilityState === 'visible',
  };
})();
