// What a page holds before the click: one WebSocket that brings Welcome and
// Button. It stands alone, because it is part of the loader; link.ts does all
// the rest.
import type { Button, Hello, Welcome } from './payload.ts';

const hello = 1,
  welcomed = 2,
  ping = 4,
  pong = 5,
  goAway = 7,
  button = 0x24;

export interface QuietOptions {
  nodes: string[]; // "http://localhost:8080", in the order to try them; turned as they fail: the first is where it is
  hello: () => Hello;
  /** send says something more on the socket, while it lasts. */
  onWelcome: (welcome: Welcome, send: (kind: number, payload: unknown) => void, socket: WebSocket) => void;
  /** null: no button, because the node says none or a second try to reach it failed. */
  onButton: (button: Button | null) => void;
}

/** Opens the quiet connection and keeps it up until close. */
export function openQuiet(options: QuietOptions): { close(): void } {
  let socket: WebSocket;
  let timer: ReturnType<typeof setTimeout>;
  let attempt = 0;
  let over = false;

  function connect() {
    const { nodes } = options;
    const ours = new WebSocket(`${(nodes[0] as string).replace(/^http/, 'ws')}/kohe/ws`, 'kohe.1');
    socket = ours;
    ours.binaryType = 'arraybuffer';
    let seq = 0;
    let silence = 5e3;
    let retry = 0;
    /** Frame headers here are a kind, a length of two bytes and a sequence. */
    const send = (kind: number, payload: unknown) => {
      const bytes = new TextEncoder().encode(JSON.stringify(payload));
      ours.send(new Uint8Array([kind, ...number(bytes.length), ...number(++seq), ...bytes]));
    };
    /** A ping after each silence; the next silence without an answer is the end. */
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (seq) send(ping, { t: Date.now() });
        timer = setTimeout(lost, 3e3);
      }, silence);
    };
    const lost = () => {
      clearTimeout(timer);
      ours.onclose = ours.onmessage = null;
      ours.close();
      nodes.push(nodes.shift() as string);
      if (attempt) options.onButton(null);
      if (!over) timer = setTimeout(connect, retry || Math.random() * Math.min(3e4, 2e3 * 2 ** attempt++));
    };
    ours.onopen = () => send(hello, options.hello());
    ours.onclose = lost;
    ours.onmessage = ({ data }) => {
      heard();
      const bytes = new Uint8Array(data);
      for (let at = 0; at < bytes.length; ) {
        const kind = bytes[at++];
        const [length, afterLength] = uvarint(bytes, at);
        const [, start] = uvarint(bytes, afterLength);
        at = start + length;
        const payload = JSON.parse(new TextDecoder().decode(bytes.subarray(start, at)));
        if (kind === welcomed) {
          attempt = 0;
          silence = payload.ping_ms;
          heard();
          options.onWelcome(payload, send, ours);
          options.onButton(payload.button ?? null);
        }
        if (kind === button) options.onButton(payload);
        if (kind === ping) send(pong, payload);
        retry = payload.retry_ms ?? retry;
        if (kind === goAway) lost();
      }
    };
    heard();
  }

  connect();
  return {
    close() {
      over = true;
      clearTimeout(timer);
      socket.onclose = socket.onmessage = null;
      socket.close();
    },
  };
}

function number(n: number): number[] {
  return n < 128 ? [n] : [(n & 127) | 128, ...number(n >> 7)];
}

export function uvarint(bytes: Uint8Array, at: number): [value: number, next: number] {
  const byte = bytes[at] ?? 0;
  if (byte < 128) return [byte, at + 1];
  const [rest, next] = uvarint(bytes, at + 1);
  return [(byte & 127) + rest * 128, next];
}
