// What the widget keeps in the browser, per site. Everything is read afresh, so
// that tabs share it; everything is bounded; where storage is refused (private
// windows, strict settings) it lasts as long as the page.

import type { Level } from '../wire/payload.ts';

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
  record?: boolean; // consent to a recording, which goes with it
  levels?: { session: string; agent: string; on: Level[] }; // what that agent may do on the page, as the visitor said
  lead?: string; // the tab that sounds: the last one with focus
  color?: string; // the site's, so that the button appears in it at once
  maskAll?: boolean; // the site masks everything: the node is not told titles and queries
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
  for (const key of ['token', 'visitor', 'muted', 'color', 'maskAll', 'visits', 'firstSeen', 'lastSeen'] as const) {
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
    return Object(this.load('localStorage', '')) as Memory;
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
    const key = this.key(name);
    try {
      return JSON.parse(this.fallback.get(key) ?? window[area].getItem(key) ?? '') as unknown;
    } catch {
      return undefined;
    }
  }

  /** Writes a part; undefined removes it. */
  save(area: Area, name: string, value: unknown): void {
    const key = this.key(name);
    const text = JSON.stringify(value) as string | undefined;
    this.fallback.delete(key);
    try {
      if (text) window[area].setItem(key, text);
      else window[area].removeItem(key);
    } catch {
      if (text) this.fallback.set(key, text);
    }
  }

  /** Calls f when another tab changed a part of this site's. */
  watch(f: (name: string) => void): void {
    addEventListener('storage', ({ key }) => {
      const [base, site, name = ''] = (key ?? `kohe:${this.site}`).split(':');
      if (base === 'kohe' && site === this.site) f(name);
    });
  }

  private key(name: string): string {
    return `kohe:${this.site}${name && `:${name}`}`;
  }
}
