import type { Realm, Root } from './roots.ts';

/** One kind of thing that capture watches besides nodes. What a part has no use for, it leaves out. */
export interface Part {
  /** Patches a realm's prototypes; called once for each. */
  patch?(view: Realm): void;
  /** A new snapshot begins: forgets what the mirror had. */
  renew?(): void;
  /** There is a new root, whose nodes may still be unknown. */
  rooted?(root: Root): void;
  /** A new element is known, of a kind that may have more to say than its attributes. */
  arrived?(el: Element): void;
  /** Writes what may have changed of an element. */
  touched?(el: Element): void;
  /** Writes whatever else has changed. `deadline` is the end of the slice (ms, performance.now). */
  write?(deadline: number): void;
  /** An event that capture listens to. */
  handle?(type: string, target: Element): void;
}
