// The agent's half of a text that two people write: what the agent has typed,
// what of it is on its way, and what the visitor's page has made of it. The page
// decides (guide/together.ts); without anybody typing, both have the same.
// Pure: time and values come in, what to send goes out.

import { merged, sum } from '../guide/splice.ts';
import type { Acted } from '../wire/payload.ts';

/** How long the mirror may take to show what an answer spoke of, ms; after that what it shows counts. */
const patience = 400;
/** An answer that has not come by then will not, ms. */
const answerWithin = 4_000;

export interface Fill {
  text: string;
  base: string; // names the text that this one was made of
}

export class Coauthor {
  text: string;
  #base: string; // the newest text that the page knows to be ours, or has shown us
  #sent: string | null = null; // on its way
  #sentAt = 0;
  #due = ''; // names what the mirror is to show; '': whatever it shows is new
  #until = 0;
  #seen: string; // what the mirror showed last
  #stale = 0; // answers in a row that what was sent was out of date
  #name: string; // of #base at the page

  /** whole: the value is one thing, such as a date, of which no parts can be joined. */
  constructor(
    value: string,
    private readonly whole = false,
  ) {
    this.text = this.#base = this.#seen = value;
    this.#name = sum(value);
  }

  /** What is to be sent now; null while an answer is awaited, or if there is nothing. */
  next(now: number): Fill | null {
    if (this.#sent !== null && now > this.#sentAt + answerWithin) this.acted({ why: 'late' }, now);
    if (this.#sent !== null || this.text === this.#base) return null;
    this.#sent = this.text;
    this.#sentAt = now;
    return { text: this.text, base: this.#name };
  }

  /** What is to be sent last, whatever is on its way: what has been typed. */
  last(): Fill {
    return { text: this.text, base: this.#sent === null ? this.#name : sum(this.#sent) };
  }

  /** Whether all that was typed is in the visitor's field. */
  get settled(): boolean {
    return this.#sent === null && this.#due === '' && this.text === this.#base;
  }

  /** What the page made of what was sent last. */
  acted({ why = '', now = '' }: Pick<Acted, 'why' | 'now'>, at: number): void {
    const sent = this.#sent;
    if (sent === null) return;
    this.#sent = null;
    this.#stale = why === 'stale' ? this.#stale + 1 : 0;
    if (why === '') this.#rebase(sent);
    else this.text = this.#base; // what the visitor has will be shown
    this.#due = now || sum(this.#seen);
    this.#until = at + patience;
    this.shown(this.#seen, at);
  }

  /** What the mirror shows. */
  shown(value: string, at: number): void {
    this.#seen = value;
    if (this.#sent !== null) return;
    if (this.#due && sum(value) !== this.#due && at < this.#until) return;
    const due = this.#due;
    this.#due = '';
    if (value !== this.#base) {
      this.text = (this.whole ? null : merged(this.#base, this.text, value)) ?? value;
      this.#rebase(value);
    }
    if (due && this.#stale > 1) this.#name = due; // the mirror shows this value in other words
  }

  #rebase(value: string): void {
    this.#base = value;
    this.#name = sum(value);
  }
}
