// Replaces members of the page's prototypes for as long as capture runs. A
// patch calls the original first and never throws of its own accord.

export class Patches {
  readonly #undo: (() => void)[] = [];

  /** After each call of a method, tells what it was called on and with. */
  method(owner: object | undefined, name: string, after: (self: never, args: never) => void): void {
    const original = owner && Object.getOwnPropertyDescriptor(owner, name);
    if (!owner || typeof original?.value !== 'function') return;
    const call = original.value;
    this.#define(owner, name, original, {
      ...original,
      value: function (this: unknown, ...args: unknown[]) {
        const result = Reflect.apply(call, this, args);
        after(this as never, args as never);
        return result;
      },
    });
  }

  /** After each assignment to a property, tells what it was assigned on. */
  setter(owner: object | undefined, name: string, after: (self: never) => void): void {
    const original = owner && Object.getOwnPropertyDescriptor(owner, name);
    if (!owner || !original?.set) return;
    const set = original.set;
    this.#define(owner, name, original, {
      ...original,
      set(this: unknown, value: unknown) {
        Reflect.apply(set, this, [value]);
        after(this as never);
      },
    });
  }

  /** Before each reading of a property, tells what it is read from. */
  getter(owner: object | undefined, name: string, before: (self: never) => void): void {
    const original = owner && Object.getOwnPropertyDescriptor(owner, name);
    if (!owner || !original?.get) return;
    const get = original.get;
    this.#define(owner, name, original, {
      ...original,
      get(this: unknown) {
        before(this as never);
        return Reflect.apply(get, this, []);
      },
    });
  }

  #define(owner: object, name: string, original: PropertyDescriptor, patched: PropertyDescriptor): void {
    if (!original.configurable) return;
    Object.defineProperty(owner, name, patched);
    this.#undo.push(() => Object.defineProperty(owner, name, original));
  }

  /** Puts the originals back. */
  undo(): void {
    for (const f of this.#undo.splice(0).reverse()) f();
  }
}
