// A cluster, each node a process with a data folder of its own, and a page of
// somebody else's with the snippet of the first that faces people on it.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binary, freePort } from './node.mjs';

const password = 'welcome-aboard';

/** Runs a command of kohe's and returns what it printed. Only one that asks for a password is given one. */
export function kohe(...args) {
  const input = args[0] === 'agent' ? `${password}\n` : undefined;
  return execFileSync(binary, args, { input, encoding: 'utf8', timeout: 30_000 }).trim();
}

/** Starts core nodes and, by their names, others that are edges only. People go to `faces`: those, if there are any.
 * The site is added with more options, if given. */
export async function startCluster(cores, edges = [], options = []) {
  const folder = mkdtempSync(join(tmpdir(), 'kohe-e2e-'));
  const nodes = [];
  const faces = [];
  const distances = new Map(); // of the nodes from the browsers, ms, by their addresses
  const site = createServer((_, answer) => {
    answer.setHeader('Content-Type', 'text/html; charset=utf-8');
    answer.end(`<!doctype html><html lang="en"><title>A page</title><main><h1>A page</h1><label>Field <input></label></main>
<script async src="${faces[0].base}/kohe.js" data-site="shop"></script>`);
  });
  await new Promise((done) => site.listen(0, '127.0.0.1', done));
  const shop = `http://127.0.0.1:${site.address().port}/`;
  for (const name of [...cores, ...edges]) {
    const role = edges.includes(name) ? 'edge' : 'core';
    const port = await freePort();
    const data = join(folder, name);
    // In regions of their own, so that a busy machine is not taken for a dead node.
    const where = ['--data', data, '--node', name, '--address', `127.0.0.1:${port}`, '--region', name];
    if (nodes.length === 0) kohe('cluster', 'init', ...where);
    else kohe('cluster', 'join', kohe('cluster', 'token', '--role', role, '--data', nodes[0].data), ...where);
    const node = newNode(name, data, port, shop, distances);
    nodes.push(node);
    if (role === 'edge' || edges.length === 0) faces.push(node);
    await node.start();
    await settled(nodes);
  }
  kohe('site', 'add', 'shop', '--name', 'Shop', '--origin', new URL(shop).origin, '--data', nodes[0].data, ...options);
  kohe('agent', 'add', 'agent', '--name', 'Mari Tamm', '--data', nodes[0].data);
  return {
    nodes,
    faces,
    distances,
    settled: () => settled(nodes),
    async stop() {
      for (const node of nodes) await node.kill();
      site.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function newNode(name, data, port, shop, distances) {
  const base = `http://localhost:${port}`;
  let child = null;
  const node = {
    name,
    data,
    base,
    shop,
    distances,
    console: `${base}/console/`,
    log: '',
    status: () => JSON.parse(kohe('cluster', 'status', '--json', '--data', data)),
    async start() {
      child = spawn(binary, ['serve', '--data', data, '--listen', String(port), '--drain', '300ms'], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const started = child;
      await new Promise((ready, failed) => {
        started.stdout.on('data', (text) => String(text).includes('Kohe is ready') && ready());
        started.once('exit', (code) => failed(new Error(`${name} ended with ${code}:\n${node.log}`)));
        started.stderr.on('data', (text) => {
          node.log += text;
        });
      });
    },
    /** Kills the node as a power cut would, or asks it to go. */
    async kill(signal = 'SIGKILL') {
      if (!child) return;
      const gone = new Promise((done) => child.once('exit', done));
      child.kill(signal);
      child = null;
      await gone;
    },
    /** How many visitors have their full connection here. */
    async visitors() {
      const text = child ? await (await fetch(`${base}/metrics`)).text() : '';
      return Number(/^kohe_visitors(?:\{\})? (\d+)/m.exec(text)?.[1] ?? 0);
    },
  };
  return node;
}

/** Waits until every node sees all the others up. */
async function settled(nodes) {
  for (let tries = 0; ; tries++) {
    const all = nodes.map((node) => node.status());
    const there = ({ up, role, voter }) => up && (voter || role === 'edge');
    const fine = all.every((s) => s.nodes.length === nodes.length && s.nodes.every(there));
    if (fine && all.some((s) => s.leader)) return;
    if (tries > 150) throw new Error(`the cluster does not settle:\n${JSON.stringify(all)}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}
