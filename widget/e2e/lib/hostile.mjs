// The hostile corpus (dom/sanitize/testdata/hostile.json) as page messages,
// written as dom/FORMAT.md says, with every name and string written out.
import { readFileSync } from 'node:fs';

const corpus = new URL('../../../dom/sanitize/testdata/hostile.json', import.meta.url);
const { operations, cases } = JSON.parse(readFileSync(corpus, 'utf8'));

/** The cases; `evil` is the origin that they load from. Each is told by its number in addresses and calls. */
export function readCases(evil) {
  return cases.map((c, n) => {
    const words = { '{run}': `top.canary(${n})`, '{n}': `${n}`, '{evil}': `${evil}/${n}`, '{secret}': 'secret' };
    const text = JSON.stringify(c).replace(/\{(?:run|n|evil|secret)\}/g, (word) => words[word]);
    const { name, page, then = [], alone = false } = JSON.parse(text);
    const messages = [snapshot(page), ...then.map(diff)];
    return {
      n,
      name,
      alone,
      covers: text.includes('inset:0'),
      messages: messages.map((bytes) => Buffer.from(bytes).toString('base64')),
    };
  });
}

function snapshot(page) {
  const e = new Encoder([0x85, 0, 1, 2]); // with its span, from 0 to 1, in format 2
  e.operation(['page', 0, 'https://shop.example/', 'Shop']);
  e.operation(['viewport', 100, 100, 0, 100, 100]);
  e.operation(['insert', 1, 0, 2, ['html', ['body', ...page]]]);
  return e.message();
}

function diff(list, i) {
  const e = new Encoder([0x80, i + 2]);
  for (const operation of list) e.operation(operation);
  return e.message();
}

/** Heads of what is inside an element. */
const roots = { '#shadow': 7, '#document': 15, '#manual': 19, '#quirks': 23 };

class Encoder {
  #last = 0;
  #strings = [];
  bytes = [];

  constructor(head) {
    this.head = head;
  }

  /** The head, the length of the operations, they and their strings. */
  message() {
    const length = new Encoder([]);
    length.#u(this.bytes.length);
    return [...this.head, ...length.bytes, ...this.bytes, ...Buffer.from(this.#strings.join('\0'))];
  }

  operation([name, ...args]) {
    if (name === 'hex') {
      this.bytes.push(...Buffer.from(args[0], 'hex'));
      return;
    }
    const [code, k, ...fields] = operations[name].split(' ');
    this.bytes.push(Number(code) | (Number(k) << 5));
    for (const [i, field] of fields.entries()) this.#fields[field](args[i], args.slice(i));
  }

  /** Each writes the first of the arguments, or all of them where it is a list. */
  #fields = {
    ref: (id) => this.#ref(id),
    u: (n) => this.#u(n),
    z: (n) => this.#z(n),
    plain: (s) => this.#strings.push(s),
    str: (s) => this.#string(s),
    name: (s) => this.#name(s),
    nodes: (_, nodes) => this.#nodes(nodes),
    set: (_, ids) => this.#list(ids, (id) => [this.#ref(id), this.#u(0)]),
    refs: (_, ids) => this.#list(ids, (id) => this.#ref(id)),
    plains: (_, texts) => this.#list(texts, (s) => this.#strings.push(s)),
  };

  #list(items, write) {
    this.#u(items.length);
    for (const item of items) write(item);
  }

  #nodes(nodes) {
    for (const node of nodes) this.#node(node);
    this.#u(3);
  }

  #node(node) {
    if (typeof node === 'string') return this.#string(node);
    const [tag, ...rest] = node;
    if (tag === '#existing') return [this.#u(11), this.#u(rest[0])];
    if (tag === '#times') return Array.from({ length: rest[0] }, () => this.#node(rest[1]));
    if (tag === '#nest') {
      let deep = [rest[0], ...rest.slice(2)];
      for (let i = 1; i < rest[1]; i++) deep = [rest[0], deep];
      return this.#node(deep);
    }
    if (roots[tag]) {
      this.#u(roots[tag]);
      return this.#nodes(rest);
    }
    this.#u(2);
    this.#string(tag);
    const isNode = (item) => typeof item === 'string' || Array.isArray(item);
    this.#list(
      rest.filter((item) => !isNode(item)).flatMap((attributes) => Object.entries(attributes)),
      ([name, value]) => [this.#name(name), this.#string(value)],
    );
    this.#nodes(rest.filter(isNode));
  }

  #name(name) {
    this.#u(0);
    this.#string(name);
  }

  #ref(id) {
    if (this.#last === 0) this.#u(id);
    else this.#z(id - this.#last);
    this.#last = id;
  }

  #z(n) {
    this.#u(n < 0 ? -2 * n - 1 : 2 * n);
  }

  #u(n) {
    for (; n > 127; n = Math.floor(n / 128)) this.bytes.push((n % 128) | 128);
    this.bytes.push(n);
  }

  /** A string that is in no table, or a text node. */
  #string(s) {
    this.#u(0);
    this.#strings.push(s);
  }
}
