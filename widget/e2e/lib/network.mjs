// The network between the browsers and the node: a TCP and UDP forwarder on one
// loopback port, which a test can tell to lose UDP or everything.
import dgram from 'node:dgram';
import net from 'node:net';

const host = '127.0.0.1';

/** Opens a forwarder. `to` is the node's port; null until the node has one. */
export async function openNetwork() {
  const state = { mode: 'open', to: null, sockets: new Set(), peers: new Map() };
  const tcp = net.createServer({ allowHalfOpen: true }, (client) => connect(state, client));
  await new Promise((resolve) => tcp.listen(0, host, resolve));
  const { port } = tcp.address();
  const six = net.createServer({ allowHalfOpen: true }, (client) => connect(state, client));
  await new Promise((resolve, reject) => six.once('error', reject).listen(port, '::1', resolve));
  const udp = ['udp4', 'udp6'].map((family) => dgram.createSocket(family));
  udp[0].bind(port, host);
  udp[1].bind(port, '::1');
  for (const socket of udp) socket.on('message', (bytes, from) => datagram(state, socket, bytes, from));
  return {
    port,
    forward(to) {
      state.to = to;
    },
    /** "open", "no-udp" or "offline": nothing arrives, nothing is refused. */
    mode(mode) {
      state.mode = mode;
      for (const pair of state.sockets) flow(state, pair);
    },
    close() {
      for (const pair of state.sockets) {
        pair.client.destroy();
        pair.node?.destroy();
      }
      for (const peer of state.peers.values()) peer.close();
      tcp.close();
      six.close();
      for (const socket of udp) socket.close();
    },
  };
}

function connect(state, client) {
  const pair = { client, node: null };
  state.sockets.add(pair);
  const end = () => {
    state.sockets.delete(pair);
    client.destroy();
    pair.node?.destroy();
  };
  client.on('error', end).on('close', end);
  flow(state, pair, end);
}

/** Lets a connection flow or stand still, as the network's mode says. */
function flow(state, pair, end) {
  pair.end ??= end;
  if (state.mode === 'offline') {
    pair.client.unpipe();
    pair.client.pause();
    pair.node?.unpipe();
    pair.node?.pause();
    return;
  }
  if (!pair.node) {
    pair.node = net.connect({ host, port: state.to, allowHalfOpen: true });
    pair.node.on('error', pair.end).on('close', pair.end);
  }
  pair.client.pipe(pair.node);
  pair.node.pipe(pair.client);
}

function datagram(state, socket, bytes, from) {
  if (state.mode !== 'open' || state.to === null) return;
  const key = `${from.family} ${from.port}`;
  let peer = state.peers.get(key);
  if (!peer) {
    peer = dgram.createSocket('udp4');
    peer.on('message', (answer) => {
      if (state.mode === 'open') socket.send(answer, from.port, from.address);
    });
    peer.on('error', () => {});
    state.peers.set(key, peer);
  }
  peer.send(bytes, state.to, host);
}
