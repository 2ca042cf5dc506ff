// The server side of RFC 6455, as much as the tests need: binary messages that
// are not fragmented.

import { createHash } from 'node:crypto';
import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';

export class Socket {
  onMessage: (data: Buffer) => void = () => {};
  onClose: () => void = () => {};
  private rest: Buffer = Buffer.alloc(0);

  constructor(private readonly stream: Duplex) {
    stream.on('data', (chunk: Buffer) => this.read(chunk));
    stream.on('close', () => this.onClose());
    stream.on('error', () => stream.destroy());
  }

  send(data: Uint8Array): void {
    const head = Buffer.alloc(data.length < 126 ? 2 : data.length < 65536 ? 4 : 10);
    head[0] = 0x82;
    if (head.length === 2) head[1] = data.length;
    else if (head.length === 4) head.writeUInt16BE(data.length, 2);
    else head.writeBigUInt64BE(BigInt(data.length), 2);
    if (head.length > 2) head[1] = head.length === 4 ? 126 : 127;
    if (this.stream.writable) this.stream.write(Buffer.concat([head, data]));
  }

  end(): void {
    this.stream.destroy();
  }

  private read(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk]);
    for (;;) {
      const { rest } = this;
      if (rest.length < 2) return;
      const short = rest.readUInt8(1) & 0x7f;
      const start = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (rest.length < start + 4) return;
      const length = short < 126 ? short : short === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
      const end = start + 4 + length;
      if (rest.length < end) return;
      const mask = rest.subarray(start, start + 4);
      const data = Buffer.from(rest.subarray(start + 4, end).map((byte, i) => byte ^ (mask[i % 4] ?? 0)));
      this.rest = rest.subarray(end);
      const code = rest.readUInt8(0) & 0x0f;
      if (code === 2) this.onMessage(data);
      else if (code === 8) this.end();
    }
  }
}

/** Accepts every upgrade on the server. */
export function sockets(server: Server, protocol: string, connected: (socket: Socket) => void): void {
  server.on('upgrade', (request, stream) => {
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    stream.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\nsec-websocket-protocol: ${protocol}\r\n\r\n`,
    );
    connected(new Socket(stream));
  });
}
