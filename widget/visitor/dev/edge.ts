// A node for the widget's own tests: it serves the demo shop under the strict
// CSP of the README, the built scripts, and a WebSocket that speaks the real
// protocol. The agent is the test, which says what the node should send.

import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { build } from 'esbuild';
import { encode, newId, split } from '../../wire/frame.ts';
import type { Button, ControlKind, Hello, Message, Payloads, Session, SiteView } from '../../wire/payload.ts';
import { Kind } from '../../wire/payload.ts';
import { type Socket, sockets } from './socket.ts';

const widget = new URL('../../', import.meta.url).pathname;
const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
};
const nameOf = new Map<number, ControlKind>(
  Object.entries(Kind).map(([name, kind]) => [kind, name as ControlKind] as const),
);

/** One connection of the widget. */
class Peer {
  private seq = 0;
  hello: Hello | null = null;

  constructor(private readonly socket: Socket) {}

  send<K extends ControlKind>(kind: K, payload: Payloads[K]): void {
    this.socket.send(encode(Kind[kind], ++this.seq, Buffer.from(JSON.stringify(payload))));
  }

  close(): void {
    this.socket.end();
  }
}

export class DevEdge {
  button: Button = { state: 'open' };
  site: SiteView = {
    id: 'demo',
    name: 'Pood',
    departments: [
      { id: 'sales', name: 'Sales' },
      { id: 'rental', name: 'Rental' },
    ],
    cobrowse: true,
  };
  session: Session | null = null;
  /** Frames of the page lane that reached the node. */
  pageFrames = 0;
  /** Control frames that came, by kind; those of pings left out. */
  readonly heard: { kind: ControlKind; payload: unknown }[] = [];
  /** More attributes for the shop's script tag. */
  attributes = '';
  /** Whether new connections are refused, as when the node is away. */
  away = false;
  private readonly peers = new Set<Peer>();
  private readonly visitor = newId();
  private readonly messages: Message[] = [];
  private readonly files = new Map<string, string>();
  private readonly http = createServer((request, response) => this.serve(request, response));

  async open(port = 0): Promise<string> {
    await this.bundle();
    sockets(this.http, 'kohe.1', (socket) => this.connected(socket));
    await new Promise<void>((listening) => this.http.listen(port, '127.0.0.1', listening));
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  close(): void {
    this.drop();
    this.http.closeAllConnections();
    this.http.close();
  }

  /** Cuts every connection. */
  drop(): void {
    for (const peer of this.peers) peer.close();
  }

  say(kind: Message['kind'], text: string, author: Message['author'] = { role: 'system' }, id = newId()): void {
    const { session } = this;
    if (!session) return;
    const seq = this.messages.length + 1;
    const message: Message = { session: session.id, epoch: 1, seq, author, id, kind, text, at: Date.now() };
    this.messages.push(message);
    this.tell('Message', message);
    this.tell('Stored', { session: session.id, epoch: 1, seq, index: seq });
  }

  agentSays(text: string): void {
    this.say('text', text, { role: 'agent', name: this.session?.agent_name ?? '' });
  }

  agentTypes(): void {
    if (this.session) this.tell('Typing', { session: this.session.id, by: { role: 'agent', name: 'Mari' }, on: true });
  }

  update(changes: Partial<Session>): void {
    if (!this.session) return;
    this.session = { ...this.session, ...changes, stored: this.messages.length };
    this.tell('Session', this.session);
  }

  accept(name = 'Mari'): void {
    this.update({ state: 'active', agent_name: name, accepted_at: Date.now(), place: 0 });
    this.say('joined', name);
  }

  marks(delivered: number, read: number): void {
    if (this.session) this.tell('Mark', { session: this.session.id, by: 'agent', delivered, read });
  }

  show(button: Button): void {
    this.button = button;
    for (const peer of this.peers) peer.send('Button', button);
  }

  tell<K extends ControlKind>(kind: K, payload: Payloads[K]): void {
    for (const peer of this.peers) if (peer.hello && !peer.hello.quiet) peer.send(kind, payload);
  }

  private connected(socket: Socket): void {
    if (this.away) {
      socket.end();
      return;
    }
    const peer = new Peer(socket);
    this.peers.add(peer);
    socket.onClose = () => this.peers.delete(peer);
    socket.onMessage = (data) => {
      for (let at = 0; at < data.length; ) {
        const next = split(data, at);
        if (!next) return;
        at = next.next;
        const { kind, payload, seq } = next.frame;
        const name = nameOf.get(kind);
        if (kind === Kind.PageDiff) this.pageFrames++;
        else if (name && kind !== Kind.Pointer) this.take(peer, name, JSON.parse(Buffer.from(payload).toString()), seq);
      }
    };
  }

  private take(peer: Peer, kind: ControlKind, payload: unknown, seq: number): void {
    if (kind !== 'Ping') this.heard.push({ kind, payload });
    const answers: { [K in ControlKind]?: (payload: Payloads[K]) => void } = {
      Hello: (hello) => this.welcome(peer, hello),
      Ping: ({ t }) => peer.send('Pong', { t }),
      Open: (open) => this.opened(open),
      Say: (said) => this.said(peer, said),
      Consent: ({ on }) => {
        this.update({ consent: on });
        peer.send('OK', { ref: seq });
      },
      End: () => this.update({ state: 'ended', ended_by: 'visitor', ended_at: Date.now() }),
      Card: ({ id }) => peer.send('OK', { ref: seq, id }),
    };
    (answers[kind] as ((payload: unknown) => void) | undefined)?.(payload);
  }

  private welcome(peer: Peer, hello: Hello): void {
    peer.hello = hello;
    const live = this.session && this.session.state !== 'ended' && !hello.quiet ? this.session : null;
    peer.send('Welcome', {
      v: 1,
      link: newId(),
      key: 'key',
      now: Date.now(),
      ping_ms: 20_000,
      token: 'token',
      visitor: this.visitor,
      site: this.site,
      button: this.button,
      ...(live && { sessions: [live.id] }),
    });
    if (!this.session || hello.quiet) return;
    peer.send('Session', { ...this.session, stored: this.messages.length });
    const from = hello.resume?.find(({ session }) => session === this.session?.id)?.seq ?? 0;
    if (live) for (const message of this.messages.slice(from)) peer.send('Message', message);
  }

  private opened({ session, name, department = 'sales' }: Payloads['Open']): void {
    this.messages.length = 0;
    this.session = {
      id: session,
      site: this.site.id,
      department,
      state: 'waiting',
      visitor: this.visitor,
      name,
      epoch: 1,
      stored: 0,
      place: 1,
      opened_at: Date.now(),
      consent: false,
      visitor_marks: { delivered: 0, read: 0 },
      agent_marks: { delivered: 0, read: 0 },
    };
    this.tell('Session', this.session);
  }

  private said(peer: Peer, { session, id, text }: Payloads['Say']): void {
    const known = this.messages.find((message) => message.id === id);
    if (!known) this.say('text', text, { role: 'visitor', id: this.visitor, name: this.session?.name ?? '' }, id);
    const { epoch, seq, at } = known ?? (this.messages.at(-1) as Message);
    peer.send('Sent', { session, id, epoch, seq, at });
    this.tell('Stored', { session, epoch, seq, index: seq });
  }

  private async bundle(): Promise<void> {
    const common = {
      bundle: true,
      write: false,
      absWorkingDir: widget,
      target: 'es2022',
      logLevel: 'warning',
    } as const;
    const bundle = async (name: string, entry: string, options: object): Promise<void> => {
      const { outputFiles } = await build({ ...common, ...options, entryPoints: [entry] });
      this.files.set(name, outputFiles[0]?.text ?? '');
    };
    await bundle('/kohe/a/capture.js', 'capture/index.ts', { format: 'esm' });
    await bundle('/kohe/a/chat.js', 'visitor/chat.ts', { format: 'esm', define: { CAPTURE_MODULE: '"capture.js"' } });
    await bundle('/kohe.js', 'visitor/loader.ts', { format: 'iife', define: { CHAT_MODULE: '"chat.js"' } });
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const node = `http://${request.headers.host}`;
    const script = this.files.get(pathname);
    if (script !== undefined) {
      response.writeHead(200, { 'content-type': 'text/javascript', 'access-control-allow-origin': '*' }).end(script);
      return;
    }
    const path = normalize(pathname.endsWith('/') ? `${pathname}index.html` : pathname);
    try {
      const bytes = path.startsWith('/shop/') ? readFileSync(join(widget, path)) : Buffer.from('');
      const page = path.endsWith('.html');
      response.writeHead(bytes.length ? 200 : 404, {
        'content-type': types[extname(path)] ?? 'text/plain',
        'content-security-policy': `default-src 'self'; script-src 'self' ${node}; style-src 'self'; connect-src ${node} ${node.replace('http', 'ws')}; require-trusted-types-for 'script'; object-src 'none'; base-uri 'none'`,
      });
      response.end(
        page
          ? bytes.toString().replace('{{node}}', node).replace(' data-site', ` ${this.attributes} data-site`)
          : bytes,
      );
    } catch {
      response.writeHead(404).end();
    }
  }
}
