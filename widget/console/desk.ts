// The rules of the desk as the agent sees it: pure functions from what the edge
// sent to what is shown. No clock, no I/O; store.ts feeds them.

import type { Line } from '../wire/conversation.ts';
import { type Desk, type Payloads, type Session, spoken } from '../wire/payload.ts';

export type Sessions = ReadonlyMap<string, Session>;
export type Offer = Payloads['Offer'];
export type MirrorNote = Payloads['Mirror'];

/** How long a visitor waits before the wait is drawn as pressing, and as too long. */
export const waitLimits = { soon: 30_000, late: 90_000 } as const; // ms
export type Urgency = 'calm' | 'soon' | 'late';

/** Ended conversations are kept on the desk until dismissed, at most this many. */
export const maxEnded = 20;

/** Returns the sessions with one put in. Facts come once and stay when a later frame leaves them out. */
export function putSession(sessions: Sessions, session: Session): Sessions {
  const facts = session.facts ?? sessions.get(session.id)?.facts;
  const next = new Map(sessions).set(session.id, facts ? { ...session, facts } : session);
  const ended = [...next.values()].filter((s) => s.state === 'ended');
  for (const old of ended.slice(0, Math.max(0, ended.length - maxEnded))) next.delete(old.id);
  return next;
}

/** Drops what the edge no longer counts as live. What ended while we were away is in `lost`, to be asked for. */
export function prune(sessions: Sessions, live: readonly string[]): { sessions: Sessions; lost: string[] } {
  const keep = new Set(live);
  const gone = [...sessions.values()].filter((s) => s.state !== 'ended' && !keep.has(s.id)).map((s) => s.id);
  if (gone.length === 0) return { sessions, lost: [] };
  const next = new Map(sessions);
  for (const id of gone) next.delete(id);
  return { sessions: next, lost: gone };
}

/** Returns the sessions of this agent: in order of acceptance, so that a row never moves under the pointer; ended ones last. */
export function ownSessions(sessions: Sessions, agent: string): Session[] {
  const own = [...sessions.values()].filter((s) => s.agent === agent && s.state !== 'waiting');
  const rank = (s: Session) => (s.state === 'ended' ? 1 : 0);
  return own.sort((a, b) => rank(a) - rank(b) || (a.accepted_at ?? 0) - (b.accepted_at ?? 0));
}

/** Returns the sessions that others have and those that wait, longest open first (supervisors). */
export function otherSessions(sessions: Sessions, agent: string): Session[] {
  const others = [...sessions.values()].filter(
    (s) => s.state !== 'ended' && !(s.agent === agent && s.state === 'active'),
  );
  return others.sort((a, b) => a.opened_at - b.opened_at);
}

/** Returns for how many ms more an agent in service gets no offers because they missed some; 0: they get them. */
export function restLeft(desk: Desk | null, now: number): number {
  return desk?.state === 'service' ? Math.max(0, (desk.resting_until ?? 0) - now) : 0;
}

/** Returns how many visitors wait in the agent's queues. */
export function waitingIn(desk: Desk): number {
  return desk.queues.reduce((n, queue) => n + queue.waiting, 0);
}

/** Returns the offers with one put in; the newest assignment of a session replaces. */
export function putOffer(offers: readonly Offer[], offer: Offer): Offer[] {
  return [...offers.filter((o) => o.session.id !== offer.session.id), offer].sort(
    (a, b) => a.expires_at - b.expires_at,
  );
}

/** Returns the offers without the one that is over. An end of an older assignment leaves a newer offer alone. */
export function endOffer(offers: readonly Offer[], end: { session: string; assignment: number }): Offer[] {
  return offers.filter((o) => o.session.id !== end.session || o.assignment > end.assignment);
}

/**
 * Returns since when the visitor waits for an answer: since the first message that nobody answered (a second one does
 * not make the wait look shorter), or since the agent accepted if nobody has said anything. Null: nobody waits.
 */
export function waitingSince(session: Session, lines: readonly Line[]): number | null {
  if (session.state !== 'active') return null;
  let since: number | null = null;
  let said = false;
  for (const { message, tick } of lines) {
    if (!spoken(message.kind) || tick === 'not_saved') continue; // an answer that was lost is none
    said = true;
    if (message.author.role !== 'visitor') since = null;
    else since ??= message.at;
  }
  return said ? since : (session.accepted_at ?? null);
}

/** Returns how pressing a wait is. */
export function urgency(ms: number): Urgency {
  if (ms >= waitLimits.late) return 'late';
  return ms >= waitLimits.soon ? 'soon' : 'calm';
}

/** Returns the visitor's messages past what was read. */
export function unread(lines: readonly Line[], readTo: number): Line[] {
  return lines.filter(({ message: m }) => m.kind === 'text' && m.author.role === 'visitor' && m.seq > readTo);
}

/** Returns the last thing that was said. */
export function lastText(lines: readonly Line[]): Line | null {
  return lines.findLast(({ message }) => message.kind === 'text') ?? null;
}

/** Returns the names that more than one of these visitors carries, in lower case. */
export function sharedNames(sessions: Iterable<Session>): Set<string> {
  const owner = new Map<string, string>();
  const shared = new Set<string>();
  for (const { name, visitor } of sessions) {
    const key = name.trim().toLowerCase();
    if (owner.has(key) && owner.get(key) !== visitor) shared.add(key);
    owner.set(key, visitor);
  }
  return shared;
}

export type MirrorState = 'off' | 'none' | 'declined' | 'waiting' | 'gone' | 'live' | 'frozen' | 'stopped' | 'ended';

export interface MirrorView {
  cobrowse: boolean; // the site's setting
  linked: boolean; // there is a connection
  note: MirrorNote | undefined; // the edge's last word on it
  lines: readonly Line[];
  drawn: boolean; // something of it is on the screen
}

/** Returns what there is to see of a visitor's page. */
export function mirrorState(session: Session, { cobrowse, linked, note, lines, drawn }: MirrorView): MirrorState {
  if (session.state === 'ended') return 'ended';
  if (!cobrowse) return 'off';
  if (!session.consent) {
    if (lines.some(({ message: { kind, text } }) => kind === 'consent' && text !== 'off')) return 'stopped';
    return session.declined ? 'declined' : 'none';
  }
  if (!drawn) return linked && note?.on === false ? 'gone' : 'waiting';
  const moving = linked && note?.on !== false && !note?.frozen && !session.away_since;
  return moving ? 'live' : 'frozen';
}

/** Returns the id of the conversation n places from the selected one, around the ends; null if there is none. */
export function neighbour(own: readonly Session[], selected: string | null, n: number): string | null {
  if (own.length === 0) return null;
  const at = own.findIndex((s) => s.id === selected);
  const next = at < 0 ? (n > 0 ? 0 : own.length - 1) : (at + n + own.length) % own.length;
  return own[next]?.id ?? null;
}
