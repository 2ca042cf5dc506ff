// What crosses the wire, as relay/wire/PROTOCOL.md specifies it. The Go side is
// relay/wire/payload.go; the golden vectors keep the two alike.

export const Kind = {
  Hello: 0x01,
  Welcome: 0x02,
  Attach: 0x03,
  Ping: 0x04,
  Pong: 0x05,
  Error: 0x06,
  GoAway: 0x07,
  OK: 0x08,
  Session: 0x11,
  Say: 0x12,
  Message: 0x13,
  Sent: 0x14,
  Stored: 0x15,
  Mark: 0x16,
  Typing: 0x17,
  End: 0x18,
  Open: 0x20,
  Consent: 0x21,
  Tab: 0x22,
  Mirror: 0x23,
  Button: 0x24,
  Card: 0x25,
  Grant: 0x26,
  Acted: 0x27,
  Presence: 0x28,
  Invitation: 0x29,
  State: 0x30,
  Desk: 0x31,
  Offer: 0x32,
  OfferEnd: 0x33,
  Answer: 0x34,
  Watch: 0x35,
  Block: 0x36,
  Ask: 0x37,
  Act: 0x38,
  Draw: 0x39,
  Faults: 0x3a,
  View: 0x3b,
  Visits: 0x3c,
  Invite: 0x3d,
  PageDiff: 0x80,
  Pointer: 0x90,
  Hand: 0x91,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export type Role = 'visitor' | 'agent' | 'supervisor' | 'system';
export type SessionState = 'waiting' | 'active' | 'ended';
export type AgentState = 'service' | 'paperwork' | 'break' | 'out';
export type ButtonState = 'open' | 'busy' | 'closed';
export type MessageKind = 'text' | 'link' | 'joined' | 'left' | 'ended' | 'consent' | 'level' | 'act';
/** What an agent may do on a visitor's page, besides seeing it. */
export type Level = 'point' | 'draw' | 'scroll' | 'fill' | 'click';
/** What a Draw draws; clear takes all drawings away. */
export type Shape = 'arrow' | 'box' | 'pen' | 'clear';
/** What an Act does. */
export type Deed = 'point' | 'scroll' | 'fill' | 'click' | 'open';

/** Whether messages of a kind are said by people. */
export const spoken = (kind: MessageKind): boolean => kind === 'text' || kind === 'link';

/** Limits, as in relay/message.go and relay/wire/frame.go. Text and names in characters, the rest in bytes. */
export const Limit = {
  text: 4000,
  name: 80,
  clientId: 40,
  url: 2048,
  title: 200,
  pages: 50,
  hello: 4 << 10,
  control: 64 << 10,
  page: 1 << 20,
  cursor: 512,
  datagram: 1200,
} as const;

export interface Author {
  role: Role;
  id?: string;
  name?: string;
}
export interface Marks {
  delivered: number;
  read: number;
}
export interface PageView {
  url: string;
  title?: string;
  at: number;
}
export interface Facts {
  visits: number;
  first_seen: number;
  referrer?: string;
  user_agent?: string;
  screen?: string;
  time_zone?: string;
  pages?: PageView[];
}
export interface Message {
  session: string;
  epoch: number;
  seq: number;
  author: Author;
  id: string;
  kind: MessageKind;
  text?: string;
  at: number;
  stored?: boolean; // its place will not change
}
export interface Session {
  id: string;
  site: string;
  department: string;
  state: SessionState;
  visitor: string;
  name: string;
  lang?: string;
  agent?: string;
  agent_name?: string;
  assignment?: number;
  epoch: number;
  stored: number;
  place?: number;
  opened_at: number;
  accepted_at?: number;
  ended_at?: number;
  ended_by?: 'visitor' | 'agent' | 'timeout';
  consent: boolean;
  declined?: boolean; // the visitor's last word on consent was no
  granted?: Level[]; // what the agent may do on the page
  record?: boolean; // the visitor lets the page be recorded
  recorded?: boolean; // there is a recording, or was until its time was over
  refused?: Level[]; // what is not to be asked for again
  away_since?: number;
  visitor_marks: Marks;
  agent_marks: Marks;
  url?: string;
  title?: string;
  facts?: Facts;
}
export interface DepartmentView {
  id: string;
  name: string;
}
export interface SiteView {
  id: string;
  name: string;
  color?: string;
  departments: DepartmentView[];
  cobrowse: boolean;
  record?: number; // days that recordings are kept; absent: none are made
  mask?: string[];
  mask_all?: boolean;
  unmask?: string[];
  canvas?: boolean;
  images?: string[]; // selectors of images that the visitor's browser sends
  without?: Level[]; // what no agent may do on its pages
  origins?: string[]; // visitors: where its pages are
  links?: string[]; // visitors: where else links may lead to
  visitors?: boolean; // agents see who is on its pages
}
export interface AgentView {
  id: string;
  name: string;
  alias: string;
  role: Role;
  operator?: boolean; // may see and change the cluster's nodes
  departments: DepartmentView[];
  sites: SiteView[];
}
export interface Tab {
  url: string;
  title: string;
  visible: boolean;
  focused: boolean;
}
export interface Button {
  state: ButtonState;
  waiting?: number;
}
export interface Resume {
  session: string;
  epoch: number;
  seq: number;
}
export interface Queue {
  department: string;
  name: string;
  waiting: number;
  oldest_at?: number;
  free: number;
  agents: number;
}
export interface Desk {
  state: AgentState;
  departments: string[];
  capacity: number;
  load: number; // places taken, offers included
  queues: Queue[];
  missed?: number; // offers in a row that expired
  resting_until?: number; // no offers before, unless the agent sets a state
}

export interface Hello {
  v: 1;
  role: Role;
  quiet?: boolean;
  site?: string;
  token?: string;
  ticket?: string;
  tab?: string;
  lang?: string;
  resume?: Resume[];
  page?: Tab;
  facts?: Facts;
}
export interface Welcome {
  v: 1;
  link: string;
  key?: string;
  now: number;
  ping_ms: number;
  token?: string;
  visitor?: string;
  node?: string;
  nodes?: string[];
  wt?: string;
  hashes?: string[];
  site?: SiteView;
  agent?: AgentView;
  button?: Button;
  sessions?: string[];
  views?: boolean; // agents: View and Invite may be sent
}
export interface WireError {
  code: string;
  text: string;
  retry_ms?: number;
  ref?: number;
  session?: string;
  id?: string;
}

/** Something that an agent does on the visitor's page, to one of its nodes. */
export interface Act {
  session: string;
  id: string; // the agent's own, for Acted
  do: Deed;
  node: number;
  text?: string; // fill: the whole value; a box: "on" or "off"; an option: its value
  base?: string; // fill: names the value that text was made of
  done?: boolean; // fill: the agent leaves the field
  by?: string; // the agent's alias
}

/** A drawing on the visitor's page, which sticks to one of its nodes. */
export interface Draw {
  session: string;
  id: string; // of the drawing, given by who drew it
  node?: number;
  shape: Shape;
  points?: number[]; // x and y in turn, ten-thousandths of the node's box; outside it too
  stay?: boolean; // it does not fade
  by?: string; // the agent's alias
  colour?: number; // of the agent's hand
}

/** What became of an act. */
export interface Acted {
  session: string;
  id: string;
  why?: string; // not done, because: gone, refused, stale, covered, outside, late
  now?: string; // fill: names the value that the field has now
}

/** An error of the page's scripts, or a request of its that failed. */
export interface Fault {
  at: number;
  text?: string; // the error's first line
  url?: string; // of what, without its query
  status?: number; // of the answer; none came, or it was no request
}

/** Where a tab of a visitor is; spans in ms until now. */
export interface Presence {
  visit: string; // this tab's, the same from page to page
  url: string;
  title?: string;
  page_ms: number; // on this page
  visit_ms: number; // on the site
  referrer?: string; // the host that the visit came from
  pages?: string[]; // addresses looked at before, newest last
  invited_ms?: number; // since the last invitation
}

/** One visitor on a site now; times in ms since 1970. */
export interface Visit {
  id: string;
  was?: string; // the id before they opened the chat
  node: string; // the edge that has them
  known?: boolean; // the id was proved to be a visitor's; else their page says it
  chat?: boolean; // in a chat
  name?: string; // in a chat: for supervisors, of departments of theirs
  session?: string; // the same
  url: string;
  title?: string;
  at: number; // on this page since
  since: number; // on the site since
  referrer?: string;
  lang?: string;
  pages?: string[]; // looked at before, newest last
  tabs?: number; // if several
  invited?: 'asked' | 'accepted' | 'declined'; // within the last hour
}
export type Sort = 'newest' | 'longest';

/** How the departments of a supervisor are doing. */
export interface Board {
  agents: Partial<Record<AgentState, number>>; // signed in
  chats: number;
  waiting: number;
  oldest_at?: number; // when the longest waiting session opened
}

/** What changed in a view. */
export interface Visits {
  anew?: boolean; // former rows are void
  rows?: Visit[]; // replace those of the same id
  gone?: string[];
  visits: number; // on the site now, shown or not
  board?: Board; // supervisors
  away?: number; // edges that have not answered
  more?: boolean; // the rest follows, and with it the numbers
}

/** The payload of each control kind, by its name in Kind. */
export interface Payloads {
  Hello: Hello;
  Welcome: Welcome;
  Attach: { link?: string; key?: string };
  Ping: { t: number };
  Pong: { t: number };
  Error: WireError;
  GoAway: WireError;
  OK: { ref: number; id?: string };
  Session: Session;
  Say: { session: string; id: string; text: string; kind?: 'link' };
  Message: Message;
  Sent: { session: string; id: string; epoch: number; seq: number; at: number };
  Stored: { session: string; epoch: number; seq: number; index: number };
  Mark: { session: string; by?: 'visitor' | 'agent'; delivered: number; read: number };
  Typing: { session: string; by?: Author; on: boolean };
  End: { session: string };
  Open: { session: string; name: string; department?: string; facts?: Facts };
  Consent: { session: string; on: boolean; record?: boolean };
  Tab: Tab;
  Mirror: { session: string; tab: string; on: boolean; full?: boolean; seen?: string; frozen?: boolean };
  Button: Button;
  Card: { id: string; name: string; contact: string; text: string; department?: string };
  State: { state: AgentState; departments?: string[] };
  Desk: Desk;
  Offer: { session: Session; assignment: number; expires_at: number };
  OfferEnd: { session: string; assignment: number; why: 'accepted' | 'declined' | 'expired' | 'gone' };
  Answer: { session: string; assignment: number; accept: boolean };
  Watch: { session: string; on: boolean; diverged?: boolean };
  Block: { visitor: string; site: string; on: boolean };
  Grant: { session: string; level: Level; on: boolean };
  Ask: { session: string; level: Level; by?: string };
  Act: Act;
  Draw: Draw;
  Acted: Acted;
  Faults: { session: string; faults: Fault[] };
  Presence: Presence;
  Invitation: { by?: string; accept?: boolean };
  View: { on: boolean; site?: string; sort?: Sort; filter?: string; limit?: number };
  Visits: Visits;
  Invite: { site: string; visit: string; node: string };
}
export type ControlKind = keyof Payloads;
