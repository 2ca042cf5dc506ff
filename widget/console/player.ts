// Plays a recording: fetches its groups as they are needed, and gives the screen
// what happened until the time at hand.

import { type Signal, signal } from '@preact/signals';
import { Kind, type Moment, moments, type Timeline } from './recording.ts';

/** Where a recording is drawn: a mirror. */
export interface Screen {
  apply(message: Uint8Array): Promise<void>;
  pointer(record: Uint8Array): void;
  hand(record: Uint8Array): void;
  draw(drawing: Uint8Array, age: number): void; // ms since it was drawn
  /** Whether the page was live: the JSON of a mirror frame. */
  state(json: Uint8Array): void;
  /** Takes away hands and drawings: time goes back, or on by a leap. */
  clear(): void;
}

/** Fetches the records of a group (Api.group). */
export type FetchGroup = (segment: string, from: number, to: number) => Promise<Uint8Array>;

const kept = 6; // groups in memory
const lead = 400; // ms before something happens again that skipping a pause goes on
const again = 1000; // ms until what could not be fetched is asked for again
const frame = 1000 / 30;

export class Player {
  /** ms since 1970 of what is on the screen. */
  readonly time: Signal<number>;
  readonly playing = signal(false);
  readonly loading = signal(false);
  readonly failed = signal<unknown>(null);
  readonly speed = signal(1);
  readonly skips = signal(true); // pauses

  #timeline: Timeline;
  readonly #fetch: FetchGroup;
  readonly #screen: Screen;
  readonly #groups = new Map<string, Promise<Moment[]>>();
  #shown: { group: string; next: number } | null = null; // what of which group is on the screen
  #turn = 0; // of seeks: the newest wins
  #ticker: ReturnType<typeof setInterval> | undefined;
  #ticked = 0;

  constructor(timeline: Timeline, fetch: FetchGroup, screen: Screen) {
    this.#timeline = timeline;
    this.#fetch = fetch;
    this.#screen = screen;
    this.time = signal(timeline.start);
  }

  get timeline(): Timeline {
    return this.#timeline;
  }

  /** Takes a newer index of the same recording: it goes on while it is watched. */
  extend(timeline: Timeline): void {
    this.#timeline = timeline;
  }

  /** Shows a moment; resolves when it is on the screen, or when a newer seek has begun. */
  async seek(time: number): Promise<void> {
    const { start, end } = this.#timeline;
    this.time.value = Math.min(Math.max(time, start), end);
    await this.#show(this.time.value);
  }

  play(): void {
    if (this.playing.value) return;
    if (this.time.value >= this.#timeline.end) this.time.value = this.#timeline.start;
    this.playing.value = true;
    this.#ticked = performance.now();
    this.#ticker = setInterval(() => this.#tick(), frame);
  }

  pause(): void {
    this.playing.value = false;
    clearInterval(this.#ticker);
  }

  close(): void {
    this.pause();
    this.#turn++;
  }

  /** Goes on by as much as has passed; waits while the page is being fetched. */
  #tick(): void {
    const now = performance.now();
    const passed = (now - this.#ticked) * this.speed.value;
    this.#ticked = now;
    if (this.loading.value) return;
    let next = this.time.value + passed;
    if (this.skips.value) {
      const busy = this.#timeline.busyFrom(next);
      if (busy > next) next = Math.max(next, busy - lead);
    }
    this.time.value = Math.min(next, this.#timeline.end);
    if (this.time.value >= this.#timeline.end) this.pause();
    void this.#show(this.time.value);
  }

  async #show(time: number): Promise<void> {
    const turn = ++this.#turn;
    const index = this.#timeline.groupAt(time);
    const group = this.#timeline.groups[index];
    if (!group) return;
    const key = `${group.segment} ${group.from} ${group.to}`;
    let list: Moment[];
    try {
      const waiting = setTimeout(() => (this.loading.value = turn === this.#turn), 80);
      list = await this.#load(index).finally(() => clearTimeout(waiting));
      this.failed.value = null;
    } catch (error) {
      this.#groups.delete(key);
      if (turn === this.#turn) {
        this.pause();
        this.failed.value = error;
      }
      return;
    } finally {
      if (turn === this.#turn) this.loading.value = false;
    }
    if (turn !== this.#turn) return;
    void this.#load(index + 1).catch(() => undefined); // ahead of its time; a failure is told when it is needed
    await this.#draw(key, list, time);
  }

  /** Gives the screen what happened until a time, from the group's beginning or from where the screen is. */
  async #draw(key: string, list: readonly Moment[], time: number): Promise<void> {
    const shown = this.#shown;
    const before = list[(shown?.next ?? 0) - 1];
    const from = shown?.group === key && (!before || before.at <= time) ? shown.next : 0;
    let next = from;
    let drawn: Promise<void> | undefined;
    let pointer: Uint8Array | undefined;
    let state: Uint8Array | undefined;
    const draws: Moment[] = [];
    const hands = new Map<number, Uint8Array>(); // the newest, by colour
    if (from === 0) this.#screen.clear();
    for (; next < list.length && (next === 0 || (list[next] as Moment).at <= time); next++) {
      const { kind, payload } = list[next] as Moment;
      if (kind === Kind.page) drawn = this.#screen.apply(payload);
      if (kind === Kind.pointer) pointer = payload;
      if (kind === Kind.hand) hands.set(payload[0] ?? 0, payload);
      if (kind === Kind.draw) draws.push(list[next] as Moment);
      if (kind === Kind.state) state = payload;
    }
    this.#shown = { group: key, next };
    if (state) this.#screen.state(state);
    await drawn; // what is drawn belongs to what is on the page then
    for (const { at, payload } of draws) this.#screen.draw(payload, time - at);
    if (pointer) this.#screen.pointer(pointer);
    for (const hand of hands.values()) this.#screen.hand(hand);
  }

  #load(index: number): Promise<Moment[]> {
    const group = this.#timeline.groups[index];
    if (!group) return Promise.resolve([]);
    const { segment, at, from, to } = group;
    const key = `${segment} ${from} ${to}`;
    const known = this.#groups.get(key);
    if (known) {
      this.#groups.delete(key); // the newest is last
      this.#groups.set(key, known);
      return known;
    }
    const loading = this.#fetch(segment, from, to).then((body) => moments(at, body));
    loading.catch(() => setTimeout(() => this.#groups.delete(key), again));
    this.#groups.set(key, loading);
    for (const old of this.#groups.keys()) {
      if (this.#groups.size <= kept) break;
      this.#groups.delete(old);
    }
    return loading;
  }
}
