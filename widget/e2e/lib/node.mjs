// A real node: bin/kohe demo, in a process and a data folder of its own.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openNetwork } from './network.mjs';

export const binary = new URL('../../../bin/kohe', import.meta.url).pathname;

export async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a demo node behind a network of its own. */
export async function startNode() {
  const data = mkdtempSync(join(tmpdir(), 'kohe-e2e-'));
  const network = await openNetwork();
  const base = `http://localhost:${network.port}`;
  const node = {
    base,
    network,
    data,
    log: '',
    shop: `http://127.0.0.1:${network.port}/shop/`,
    console: `${base}/console/`,
    async start() {
      const port = await freePort();
      const child = spawn(
        binary,
        [
          'demo',
          '--data',
          data,
          '--listen',
          `127.0.0.1:${port}`,
          '--public-url',
          base,
          '--drain',
          '0s',
          '--opens-per-minute',
          '1000',
        ],
        { stdio: ['ignore', 'pipe', 'pipe'] },
      );
      node.child = child;
      const ready = new Promise((resolve, reject) => {
        child.stdout.on('data', (text) => {
          if (String(text).includes('Kohe is ready')) resolve();
        });
        child.once('error', reject);
        child.once('exit', (code) => reject(new Error(`the node ended with ${code}:\n${node.log}`)));
      });
      child.stderr.on('data', (text) => {
        node.log += text;
      });
      await ready;
      network.forward(port);
    },
    /** Kills the node as a power cut would. */
    async kill() {
      const gone = new Promise((resolve) => node.child.once('exit', resolve));
      node.child.kill('SIGKILL');
      await gone;
    },
    async stop() {
      if (node.child.exitCode === null && node.child.signalCode === null) {
        const gone = new Promise((resolve) => node.child.once('exit', resolve));
        node.child.kill('SIGTERM');
        await gone;
      }
      network.close();
      rmSync(data, { recursive: true, force: true });
    },
  };
  await node.start();
  return node;
}
