// Which lines of a conversation are shown as one: what the visitor allowed and
// what was done on their page, where nobody said anything in between.

import type { Line } from '../wire/conversation.ts';
import { readDeed } from '../wire/deed.ts';
import type { Deed, Message } from '../wire/payload.ts';
import { sameDay } from './time.ts';

/** What became of a permission, or an act. */
const kinds = ['on', 'off', 'no', 'point', 'scroll', 'fill', 'click', 'open', 'draw'] as const;
export type Kind = 'on' | 'off' | 'no' | Deed | 'draw';

/** What a line that can be folded tells of; null for any other one. */
export function foldKind({ kind, text = '' }: Message): Kind | null {
  const { deed, what } = readDeed(text);
  const said = kind === 'level' ? what : kind === 'act' ? deed : '';
  return kinds.find((known) => known === said) ?? null;
}

/** The lines in groups: of one line each, but for those that are folded. */
export function folds(lines: readonly Line[]): Line[][] {
  const groups: Line[][] = [];
  for (const line of lines) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    const joins = last && foldKind(last.message) && foldKind(line.message) && sameDay(last.message.at, line.message.at);
    if (group && joins) group.push(line);
    else groups.push([line]);
  }
  return groups;
}

/** How many there are of each kind, in the order in which they came first. */
export function tally(lines: readonly Line[]): [Kind, number][] {
  const counts = new Map<Kind, number>();
  for (const { message } of lines) {
    const kind = foldKind(message);
    if (kind) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts];
}
