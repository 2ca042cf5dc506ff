// What the widget keeps in the browser, per site. Everything is read afresh, so
// that tabs share it; everything is bounded; where storage is refused (private
// windows, strict settings) it lasts as long as the page.

/** The record that all tabs of a site share. */
export interface Memory {
  token?: string; // proves the visitor's identity to the node
  visitor?: string; // the id in the token
  session?: string;
  state?: 'opening' | 'live' | 'ended'; // what this browser last knew of it
  endedAt?: number; // ms since 1970
  ending?: string; // a session that the visitor ended and the node has not confirmed yet
  name?: string;
  department?: string;
  open?: boolean; // the chat window
  muted?: boolean;
  declined?: string; // the session in which the page was not to be shared
  wish?: boolean; // consent that the node has not confirmed yet
  lead?: string; // the tab that sounds: the last one with focus
  color?: string; // the site's, so that the button appears in it at once
  visits?: number;
  firstSeen?: number;
  lastSeen?: number;
}

type Changes = { [K in keyof Memory]?: Memory[K] | undefined };

/** What is left of a chat this long after its end is forgotten, ms. */
export const forgetAfter = 24 * 3600 * 1000;
/** Whether the node still has something to hear or to say about a session. */
export function live({ session, state, ending }: Memory): boolean {
  return ending !== undefined || (session !== undefined && state !== 'ended');
}

/** A page load this long after the last one begins a new visit, ms. */
const visitGap = 30 * 60 * 1000;

/** The record without anything personal but the token, if its chat ended long ago; else as it is. */
export function forget(memory: Memory, now: number): Memory {
  if (memory.endedAt === undefined || now - memory.endedAt < forgetAfter) return memory;
  const kept: Memory = {};
  for (const key of ['token', 'visitor', 'muted', 'color', 'visits', 'firstSeen', 'lastSeen'] as const) {
    if (memory[key] !== undefined) Object.assign(kept, { [key]: memory[key] });
  }
  return kept;
}

/** The record with this page load counted. */
export function visit(memory: Memory, now: number): Memory {
  const fresh = now - (memory.lastSeen ?? 0) > visitGap;
  return {
    ...memory,
    visits: (memory.visits ?? 0) + (fresh ? 1 : 0),
    firstSeen: memory.firstSeen ?? now,
    lastSeen: now,
  };
}

/** Where things are kept: for every tab, or for this one. */
export type Area = 'localStorage' | 'sessionStorage';

export class Store {
  private readonly fallback = new Map<string, string>();

  /** site: the id of the script tag, part of every key. */
  constructor(private readonly site: string) {}

  get memory(): Memory {
    const value = this.load('localStorage', '');
    return typeof value === 'object' && value !== null ? (value as Memory) : {};
  }

  set memory(memory: Memory) {
    this.save('localStorage', '', memory);
  }

  /** Changes some members of the record; undefined removes one. */
  patch(changes: Changes): void {
    this.memory = { ...this.memory, ...changes } as Memory;
  }

  /** Reads a part of its own; undefined if there is none or it is not JSON. */
  load(area: Area, name: string): unknown {
    try {
      return JSON.parse(this.text(area, this.key(name)) ?? '') as unknown;
    } catch {
      return undefined;
    }
  }

  /** Writes a part; undefined removes it. A full or refused storage costs only what it would have kept. */
  save(area: Area, name: string, value: unknown): void {
    const key = this.key(name);
    const text = value === undefined ? undefined : JSON.stringify(value);
    try {
      if (text === undefined) window[area].removeItem(key);
      else window[area].setItem(key, text);
      this.fallback.delete(key);
    } catch {
      if (text === undefined) this.fallback.delete(key);
      else this.fallback.set(key, text);
    }
  }

  /** Calls f when another tab changed a part of this site's. */
  watch(f: (name: string) => void): () => void {
    const changed = (event: StorageEvent): void => {
      const [base, name = ''] = event.key === null ? [this.key('')] : splitKey(event.key, this.key(''));
      if (base === this.key('')) f(name);
    };
    addEventListener('storage', changed);
    return () => removeEventListener('storage', changed);
  }

  private key(name: string): string {
    return name ? `kohe:${this.site}:${name}` : `kohe:${this.site}`;
  }

  private text(area: Area, key: string): string | null {
    const kept = this.fallback.get(key);
    if (kept !== undefined) return kept;
    try {
      return window[area].getItem(key);
    } catch {
      return null;
    }
  }
}

function splitKey(key: string, base: string): [string, string?] {
  if (key === base) return [base];
  return key.startsWith(`${base}:`) ? [base, key.slice(base.length + 1)] : [key];
}
