// Replaces members of a realm's prototypes for as long as capture runs. A patch
// calls the original first and never throws of its own accord.

export class Patches {
  readonly #undo: (() => void)[] = [];

  /** After each call of a method, tells what it was called on, with what, and what it returned. */
  method(owner: object | undefined, names: string, after: (self: never, args: never, result: never) => void): void {
    this.#define(owner, names, 'value', (call) => {
      return function (this: unknown, ...args: unknown[]) {
        const result = Reflect.apply(call, this, args);
        after(this as never, args as never, result as never);
        return result;
      };
    });
  }

  /** After each assignment to a property, tells what it was assigned on. */
  setter(owner: object | undefined, names: string, after: (self: never) => void): void {
    this.#define(owner, names, 'set', (set) => {
      return function (this: unknown, value: unknown) {
        Reflect.apply(set, this, [value]);
        after(this as never);
      };
    });
  }

  /** Before each reading of a property, tells what it is read from. */
  getter(owner: object | undefined, names: string, before: (self: never) => void): void {
    this.#define(owner, names, 'get', (get) => {
      return function (this: unknown) {
        before(this as never);
        return Reflect.apply(get, this, []);
      };
    });
  }

  /** Replaces one part of the descriptors of an owner's members, named with spaces between; what is not there is left. */
  #define(
    owner: object | undefined,
    names: string,
    part: 'value' | 'set' | 'get',
    patched: (original: (...args: unknown[]) => unknown) => unknown,
  ): void {
    if (!owner) return;
    for (const name of names.split(' ')) {
      const original = Object.getOwnPropertyDescriptor(owner, name);
      if (!original?.configurable || typeof original[part] !== 'function') continue;
      Object.defineProperty(owner, name, { ...original, [part]: patched(original[part]) });
      this.#undo.push(() => Object.defineProperty(owner, name, original));
    }
  }

  /** Puts the originals back. */
  undo(): void {
    for (const f of this.#undo.splice(0).reverse()) f();
  }
}
