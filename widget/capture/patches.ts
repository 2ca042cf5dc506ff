// Replaces members of a realm's prototypes for as long as capture runs. A patch
// never throws of its own accord.

// biome-ignore lint/suspicious/noExplicitAny: it stands for members of any kind
type Any = any;
type Told = (self: Any, args: Any[], result?: Any) => void;

const undo: (() => unknown)[] = [];

/**
 * Tells of each use of members of a realm's interfaces. They are named with white space between, members after their
 * interface; what is not there is left. Of methods and setters it tells after them, of getters, where those are meant,
 * before. The way back is put into `undone`.
 */
export function patch(view: object, members: string, tell: Told, accessor: 'set' | 'get' = 'set', undone = undo): void {
  let owner: object = {};
  for (const name of members.split(/\s+/)) {
    if (/^[A-Z]/.test(name))
      owner = (view as Record<string, { prototype?: object } | undefined>)[name]?.prototype ?? {};
    const original = Object.getOwnPropertyDescriptor(owner, name);
    const part = original?.value ? 'value' : accessor;
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
    const from = owner;
    undone.push(() => Object.defineProperty(from, name, original));
  }
}

/** Puts the originals back. */
export function unpatch(): void {
  while (undo.length > 0) undo.pop()?.();
}
