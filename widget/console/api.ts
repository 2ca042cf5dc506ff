// The node's HTTP API, as the console uses it. Every refusal becomes an
// ApiError; a network that fails is one with code "offline".

import type { AgentView, Message, Session } from '../wire/payload.ts';
import type { ClusterStatus, Invitation } from './nodes.ts';
import { Reach } from './reach.ts';
import type { RecordingIndex } from './recording.ts';

export interface Card {
  id: string;
  site: string;
  department: string;
  visitor: string;
  name: string;
  contact: string;
  text: string;
  at: number;
  solved: boolean;
}
export interface Ticket {
  ticket: string;
  bearer?: string; // an older node gives none
  wt?: string;
  hashes?: string[];
}
export interface Hit {
  session: Session;
  message: Message;
  snippet: string;
}

/** The pages that a site's agents send visitors to, and where links may lead. */
export interface SitePages {
  pages: { title: string; url: string }[];
  origins: string[]; // the site's own
  links: string[];
}

export class ApiError extends Error {
  constructor(
    readonly code: string,
    text: string,
    readonly retryMs = 0,
  ) {
    super(text);
  }
}

/** A Go node writes an empty list as null. */
type List<T> = T[] | null;

export class Api {
  readonly reach: Reach;

  constructor(fetch: typeof globalThis.fetch, base = '/api/v1') {
    this.reach = new Reach(fetch, base);
  }

  signIn(name: string, password: string) {
    return this.post<{ agent: AgentView; node: string }>('/sign-in', { name, password });
  }
  signOut() {
    return this.post<unknown>('/sign-out', {});
  }
  me() {
    return this.get<{ agent: AgentView }>('/me');
  }
  ticket() {
    return this.post<Ticket>('/ticket', {}).then((ticket) => {
      this.reach.bearer = ticket.bearer ?? '';
      return ticket;
    });
  }
  async sessions(query: { before?: number; limit?: number; visitor?: string }) {
    const { sessions, more } = await this.get<{ sessions: List<Session>; more: boolean }>('/sessions', query);
    return { sessions: sessions ?? [], more };
  }
  session(id: string) {
    return this.get<{ session: Session; blocked: boolean }>(`/sessions/${encodeURIComponent(id)}`);
  }
  async messages(id: string, query: { after?: number; limit?: number }) {
    const path = `/sessions/${encodeURIComponent(id)}/messages`;
    const { messages, more } = await this.get<{ messages: List<Message>; more: boolean }>(path, query);
    return { messages: messages ?? [], more };
  }
  recording(id: string) {
    return this.get<RecordingIndex>(`/sessions/${encodeURIComponent(id)}/recording`);
  }
  /** The records of a group of a recording (moments reads them). */
  async group(id: string, segment: string, from: number, to: number): Promise<Uint8Array> {
    const path = `/sessions/${encodeURIComponent(id)}/recording/${encodeURIComponent(segment)}?from=${from}&to=${to}`;
    return new Uint8Array(await (await this.answer(path, {})).arrayBuffer());
  }
  async pages(site: string): Promise<SitePages> {
    const { pages, origins, links } = await this.get<Partial<SitePages>>(`/sites/${encodeURIComponent(site)}/pages`);
    return { pages: pages ?? [], origins: origins ?? [], links: links ?? [] };
  }
  async search(query: { q: string; before?: number }) {
    const { hits, more } = await this.get<{ hits: List<Hit>; more: boolean }>('/search', query);
    return { hits: hits ?? [], more };
  }
  async cards(query: { before?: number; limit?: number }) {
    const { cards, more } = await this.get<{ cards: List<Card>; more?: boolean }>('/cards', query);
    return { cards: cards ?? [], more: more ?? false };
  }
  solve(card: string, solved: boolean) {
    return this.post<unknown>(`/cards/${encodeURIComponent(card)}`, { solved }, false);
  }

  // For operators.

  async nodes(): Promise<ClusterStatus> {
    const { problems, nodes, links, ...rest } = await this.get<ClusterStatus>('/nodes');
    return { ...rest, problems: problems ?? [], nodes: nodes ?? [], links: links ?? [] };
  }
  drain(node: string, seconds: number) {
    return this.post<unknown>(`/nodes/${encodeURIComponent(node)}/drain`, { seconds });
  }
  undrain(node: string) {
    return this.post<unknown>(`/nodes/${encodeURIComponent(node)}/undrain`, {});
  }
  removeNode(node: string) {
    return this.post<unknown>(`/nodes/${encodeURIComponent(node)}/remove`, {});
  }
  handOver() {
    return this.post<unknown>('/cell/hand-over', {});
  }
  invite(role: 'core' | 'edge') {
    return this.post<Invitation>('/join-tokens', { role });
  }

  private get<T>(path: string, query: Record<string, string | number | undefined> = {}): Promise<T> {
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
    return this.ask<T>(search.size > 0 ? `${path}?${search}` : path, {});
  }

  /** Changes something: at the console's own node, if another would not do it or it might be done twice. */
  private post<T>(path: string, body: unknown, own = true): Promise<T> {
    const headers = { 'Content-Type': 'application/json', 'X-Kohe': '1' };
    return this.ask<T>(path, { method: 'POST', headers, body: JSON.stringify(body) }, own);
  }

  private async ask<T>(path: string, init: RequestInit, own = false): Promise<T> {
    return parse(await (await this.answer(path, init, own)).text()) as T;
  }

  /** Returns the answer to a request, if it is not a refusal. */
  private async answer(path: string, init: RequestInit, own = false): Promise<Response> {
    let answer: Response;
    try {
      answer = await this.reach.ask(path, init, own);
    } catch (cause) {
      throw new ApiError('offline', String(cause));
    }
    if (answer.ok) return answer;
    const refusal = (parse(await answer.text()) ?? {}) as { code?: string; text?: string; retry_ms?: number };
    throw new ApiError(
      refusal.code ?? (answer.status === 401 ? 'auth' : 'internal'),
      refusal.text ?? '',
      refusal.retry_ms,
    );
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
