import type { Carrier, CarrierEvents } from './carrier.ts';

/** The address of a node's WebSocket. */
export function webSocketURL(node: string): string {
  return `${node.replace(/^http/, 'ws')}/kohe/ws`;
}

function connect(url: string, lane: 'control' | 'page', events: CarrierEvents, opened: (socket: WebSocket) => void) {
  const socket = new WebSocket(url, 'kohe.1');
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => opened(socket);
  socket.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) events.received(lane, new Uint8Array(data));
    else events.ended('a text message');
  };
  socket.onclose = ({ code, reason }) => events.ended(`${lane} socket closed: ${code} ${reason}`);
  return socket;
}

/** One WebSocket for control and cursor; a second one when the page lane is needed. */
export function openWebSocket(url: string, _hashes: readonly string[], events: CarrierEvents): Carrier {
  const control = connect(url, 'control', events, events.opened);
  let page: WebSocket | null = null;
  let waiting: Uint8Array[] = [];
  let given = 0;
  const post = (socket: WebSocket, bytes: Uint8Array) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(bytes as Uint8Array<ArrayBuffer>);
  };
  const held = () => waiting.reduce((sum, bytes) => sum + bytes.length, 0);
  const detach = (socket: WebSocket) => {
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  };
  return {
    transport: 'websocket',
    datagramSize: 0,
    sendDatagram() {},
    send(lane, bytes) {
      if (lane === 'control') return post(control, bytes);
      given += bytes.length;
      if (page?.readyState === WebSocket.OPEN) post(page, bytes);
      else waiting.push(bytes);
    },
    openPage(attach) {
      page = connect(url, 'page', events, (socket) => {
        for (const bytes of [attach, ...waiting]) post(socket, bytes);
        waiting = [];
      });
    },
    page: () => ({ backlog: held() + (page?.bufferedAmount ?? 0), given }),
    close() {
      detach(control);
      if (page) detach(page);
    },
  };
}
