// The demo shop's behaviour: a catalogue, a gallery, forms that complain, and a
// basket in localStorage. Plain script, because a shop with a strict CSP and no
// build step is what the widget must work in.
(() => {
  const items = [
    {
      id: 'haug',
      name: 'Haug',
      kind: 'boat',
      tagline: 'A rowing boat for two and a picnic',
      price: 1490,
      day: 45,
      facts: { Length: '4.2 m', Weight: '86 kg', Seats: '3', Hull: 'larch and ash' },
    },
    {
      id: 'vares',
      name: 'Vares',
      kind: 'boat',
      tagline: 'A quick kayak for still mornings',
      price: 1180,
      day: 38,
      facts: { Length: '4.8 m', Weight: '24 kg', Seats: '1', Hull: 'composite' },
    },
    {
      id: 'saarmas',
      name: 'Saarmas',
      kind: 'boat',
      tagline: 'A canoe that carries the whole camp',
      price: 1320,
      day: 42,
      facts: { Length: '5.0 m', Weight: '32 kg', Seats: '3', Load: '380 kg' },
    },
    {
      id: 'liug',
      name: 'Liug',
      kind: 'boat',
      tagline: 'A steady board for the first time',
      price: 490,
      day: 22,
      facts: { Length: '3.3 m', Weight: '9 kg', Load: '130 kg', Paddle: 'included' },
    },
    {
      id: 'tuvi',
      name: 'Tuvi',
      kind: 'bike',
      tagline: 'A town bike with a basket for bread',
      price: 620,
      day: 18,
      facts: { Gears: '7, in the hub', Weight: '15 kg', Wheels: '28″', Brakes: 'roller' },
    },
    {
      id: 'rebane',
      name: 'Rebane',
      kind: 'bike',
      tagline: 'A gravel bike that likes detours',
      price: 1690,
      day: 34,
      facts: { Gears: '12', Weight: '9.4 kg', Wheels: '28″', Brakes: 'hydraulic disc' },
    },
    {
      id: 'karu',
      name: 'Karu',
      kind: 'bike',
      tagline: 'A cargo bike for two children and a dog',
      price: 2890,
      day: 48,
      facts: { Gears: '8, in the hub', Weight: '29 kg', Load: '100 kg in the box', Brakes: 'hydraulic disc' },
    },
    {
      id: 'janku',
      name: 'Jänku',
      kind: 'bike',
      tagline: 'A first real bike, with a flag',
      price: 280,
      day: 12,
      facts: { Gears: '3', Weight: '8.6 kg', Wheels: '20″', Age: '5 to 8' },
    },
  ];
  const euro = (n) =>
    new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR', maximumFractionDigits: n % 1 ? 2 : 0 }).format(n);
  const byId = (id) => document.getElementById(id);
  const itemOf = (id) => items.find((item) => item.id === id);

  /** Makes an element with properties and children. */
  function make(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  const basket = {
    get lines() {
      try {
        return JSON.parse(localStorage.getItem('pood:basket')) ?? [];
      } catch {
        return [];
      }
    },
    set lines(lines) {
      localStorage.setItem('pood:basket', JSON.stringify(lines));
      this.show();
    },
    show() {
      const n = this.lines.reduce((sum, { count }) => sum + count, 0);
      const badge = byId('basket-count');
      badge.hidden = !n;
      badge.textContent = n;
    },
    add(id, size) {
      const { lines } = this;
      const same = lines.find((line) => line.id === id && line.size === size);
      if (same) same.count++;
      else lines.push({ id, size, count: 1 });
      this.lines = lines;
    },
  };

  function menu() {
    const button = byId('menu-button');
    const open = (on) => button.setAttribute('aria-expanded', on);
    button.addEventListener('click', () => open(button.getAttribute('aria-expanded') !== 'true'));
    document.addEventListener('click', (event) => {
      if (!event.target.closest('.menu')) open(false);
    });
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') open(false);
    });
  }

  function catalogue() {
    const order = {
      none: () => 0,
      rise: (a, b) => a.price - b.price,
      fall: (a, b) => b.price - a.price,
      name: (a, b) => a.name.localeCompare(b.name),
    };
    const draw = () => {
      const kind = document.querySelector('[name=kind]:checked').value;
      const shown = items.filter((item) => kind === 'all' || item.kind === kind).sort(order[byId('sort').value]);
      byId('found').textContent = `${shown.length} in the yard`;
      byId('catalogue').replaceChildren(
        ...shown.map((item) =>
          make(
            'li',
            { className: 'item' },
            make('img', { src: `img/${item.id}-1.svg`, alt: '', width: 640, height: 480, loading: 'lazy' }),
            make(
              'div',
              {},
              make('h3', {}, make('a', { href: `product.html?item=${item.id}` }, item.name)),
              make('p', { className: 'quiet' }, item.tagline),
              make(
                'p',
                { className: 'price' },
                make('strong', {}, euro(item.price)),
                make('span', { className: 'quiet' }, ` or ${euro(item.day)} a day`),
              ),
            ),
          ),
        ),
      );
    };
    for (const input of document.querySelectorAll('[name=kind], #sort')) input.addEventListener('change', draw);
    draw();
  }

  function product() {
    const item = itemOf(new URLSearchParams(location.search).get('item')) ?? items[0];
    const alts = ['from the side', 'where it belongs', 'up close'];
    document.title = `${item.name} · Pood`;
    for (const id of ['crumb', 'name']) byId(id).textContent = item.name;
    byId('tagline').textContent = item.tagline;
    byId('price').textContent = euro(item.price);
    byId('rent').textContent = `or ${euro(item.day)} a day`;
    byId('rent-link').href = `booking.html?item=${item.id}`;
    for (const [name, value] of Object.entries(item.facts)) {
      byId('facts').append(make('dt', {}, name), make('dd', {}, value));
    }
    const show = (n) => {
      const picture = byId('picture');
      picture.src = `img/${item.id}-${n}.svg`;
      picture.alt = `${item.name} ${alts[n - 1]}`;
      byId('thumbs').childNodes.forEach((thumb, i) => thumb.setAttribute('aria-pressed', i === n - 1));
    };
    for (const n of [1, 2, 3]) {
      const image = make('img', { src: `img/${item.id}-${n}.svg`, alt: alts[n - 1], width: 96, height: 72 });
      const thumb = make('button', { type: 'button' }, image);
      thumb.addEventListener('click', () => show(n));
      byId('thumbs').append(thumb);
    }
    show(1);
    byId('add').addEventListener('submit', (event) => {
      event.preventDefault();
      basket.add(item.id, new FormData(event.target).get('size'));
      byId('added').textContent = `${item.name} is in your basket.`;
    });
  }

  /** What is wrong with a control, as a sentence; '' if nothing is. */
  function complaint(control) {
    const { validity } = control;
    const label = control.labels[0].firstChild.textContent.trim().replace(/[:,].*$/, '');
    if (validity.valueMissing) {
      return control.type === 'checkbox' ? 'Please tick this to go on.' : `${label}: please fill this in.`;
    }
    if (validity.rangeUnderflow) return `${label}: at least ${control.min}.`;
    if (validity.rangeOverflow) return `${label}: at most ${control.max}.`;
    if (validity.tooShort) return `${label}: at least ${control.minLength} characters.`;
    return validity.valid ? '' : `${label}: this does not look right.`;
  }

  function mark(control) {
    const text = complaint(control);
    const id = `${control.id}-wrong`;
    byId(id)?.remove();
    control.setAttribute('aria-invalid', Boolean(text));
    control.removeAttribute('aria-describedby');
    if (text) {
      control.setAttribute('aria-describedby', id);
      control.closest('.field').append(make('p', { className: 'wrong', id }, text));
    }
    return text;
  }

  /** Checks a form when it is sent and each field when it is left. Calls done when nothing is wrong. */
  function checked(form, done) {
    const summary = form.querySelector('.errors');
    const controls = [...form.elements].filter((control) => control.willValidate && control.closest('.field'));
    for (const control of controls) {
      control.addEventListener('change', () => mark(control));
      control.addEventListener('input', () => control.getAttribute('aria-invalid') === 'true' && mark(control));
    }
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const wrong = controls.filter((control) => mark(control));
      if (summary) {
        const list = wrong.map((control) => make('li', {}, make('a', { href: `#${control.id}` }, complaint(control))));
        summary.hidden = !wrong.length;
        summary.replaceChildren(make('strong', {}, 'Please look at these again:'), make('ul', {}, ...list));
      }
      if (wrong.length) (summary ?? wrong[0]).focus();
      else done(new FormData(form));
    });
  }

  function loan() {
    const { amount, months } = byId('loan').elements;
    const draw = () => {
      const n = Number(months.value);
      const rate = 0.099 / 12;
      const payment = (Number(amount.value) * rate) / (1 - (1 + rate) ** -n);
      byId('l-months-out').textContent = n;
      byId('l-payment').textContent = euro(Math.round(payment * 100) / 100);
      byId('l-total').textContent = euro(Math.round(payment * n * 100) / 100);
    };
    amount.addEventListener('input', draw);
    months.addEventListener('input', draw);
    draw();
    checked(byId('loan'), (data) => {
      byId('applied').textContent = `Thank you, ${data.get('name')}. In a real shop an answer would follow.`;
    });
  }

  function booking() {
    const form = byId('booking');
    const [item, from, to] = ['b-item', 'b-from', 'b-to'].map(byId);
    item.append(...items.map(({ id, name, tagline }) => make('option', { value: id }, `${name}: ${tagline.toLowerCase()}`)));
    const preset = new URLSearchParams(location.search).get('item');
    if (itemOf(preset)) item.value = preset;
    const today = new Date().toISOString().slice(0, 10);
    from.min = to.min = today;
    const draw = () => {
      const chosen = itemOf(item.value);
      const days = (Date.parse(to.value) - Date.parse(from.value)) / 86_400_000 + 1;
      const extras = new FormData(form).getAll('extra').reduce((sum, n) => sum + Number(n), 0);
      to.min = from.value || today;
      byId('b-picture').src = `img/${chosen.id}-2.svg`;
      byId('b-days').textContent = days > 0 ? days : '–';
      byId('b-rent').textContent = days > 0 ? euro(days * chosen.day) : '–';
      byId('b-extras').textContent = euro(extras);
      byId('b-total').textContent = days > 0 ? euro(days * chosen.day + extras) : '–';
    };
    form.addEventListener('input', draw);
    draw();
    checked(form, (data) => {
      byId('booked').textContent = `Booked for ${data.get('name')}, to be collected at ${data.get('time')}. Well, in a demo.`;
    });
  }

  function basketPage() {
    let discount = 0;
    const draw = () => {
      const { lines } = basket;
      byId('empty').hidden = lines.length > 0;
      byId('full').hidden = !lines.length;
      const goods = lines.reduce((sum, { id, count }) => sum + itemOf(id).price * count, 0);
      byId('goods').textContent = euro(goods);
      byId('discount').textContent = discount ? `−${euro(goods * discount)}` : '–';
      byId('total').textContent = euro(goods * (1 - discount));
      byId('lines').replaceChildren(
        ...lines.map((line, i) => {
          const item = itemOf(line.id);
          const step = (by, label) => {
            const button = make('button', { type: 'button', ariaLabel: `${label}, ${item.name}` }, by > 0 ? '+' : '−');
            button.addEventListener('click', () => {
              const changed = basket.lines;
              changed[i].count += by;
              basket.lines = changed.filter(({ count }) => count > 0);
              draw();
            });
            return button;
          };
          return make(
            'li',
            {},
            make('img', { src: `img/${item.id}-1.svg`, alt: '', width: 112, height: 84 }),
            make(
              'div',
              {},
              make('h2', {}, `${item.name}, ${line.size}`),
              make('div', { className: 'count' }, step(-1, 'One less'), make('span', {}, String(line.count)), step(1, 'One more')),
            ),
            make('p', { className: 'price' }, make('strong', {}, euro(item.price * line.count))),
          );
        }),
      );
    };
    byId('code-form').addEventListener('submit', (event) => {
      event.preventDefault();
      discount = byId('code').value.trim().toUpperCase() === 'LAKE10' ? 0.1 : 0;
      byId('code-said').textContent = discount ? 'Ten per cent off.' : 'We do not know this code. Try LAKE10.';
      draw();
    });
    draw();
  }

  function account() {
    const password = byId('a-password');
    const reveal = byId('reveal');
    reveal.addEventListener('click', () => {
      const show = password.type === 'password';
      password.type = show ? 'text' : 'password';
      reveal.textContent = show ? 'Hide' : 'Show';
      reveal.setAttribute('aria-pressed', show);
    });
    checked(byId('sign-in'), (data) => {
      byId('signed').textContent = `Welcome, ${data.get('email')}.`;
    });
    checked(byId('payment'), () => {
      byId('saved').textContent = 'Saved, in a manner of speaking.';
    });
  }

  menu();
  basket.show();
  const pages = { catalogue, product, loan, booking, lines: basketPage, 'sign-in': account };
  for (const [id, page] of Object.entries(pages)) if (byId(id)) page();
})();
