// Replaces members of a realm's prototypes for as long as capture runs. A patch
// never throws of its own accord.

// biome-ignore lint/suspicious/noExplicitAny: it stands for members of any kind
type Any = any;
type Told = (self: Any, args: Any[], result?: Any) => void;

const undo: (() => unknown)[] = [];

/**
 * Tells of each use of an owner's members, named with spaces between; what is not there is left. Of methods (`value`) and
 * setters (`set`) after it, of getters (`get`) before. The way back is put into `undone`.
 */
export function patch(
  owner: object | undefined,
  part: 'value' | 'set' | 'get',
  names: string,
  tell: Told,
  undone = undo,
): void {
  for (const name of owner ? names.split(/\s/) : []) {
    const original = Object.getOwnPropertyDescriptor(owner, name);
    const call = original?.[part];
    if (!original?.configurable || typeof call !== 'function') continue;
    Object.defineProperty(owner, name, {
      ...original,
      [part]: function (this: unknown, ...args: unknown[]) {
        if (part === 'get') tell(this, args);
        const result = Reflect.apply(call, this, args);
        if (part !== 'get') tell(this, args, result);
        return result;
      },
    });
    undone.push(() => Object.defineProperty(owner, name, original));
  }
}

/** Puts the originals back. */
export function unpatch(): void {
  while (undo.length > 0) undo.pop()?.();
}
