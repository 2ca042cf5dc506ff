// The service worker that gives the console the mirrors' documents that it keeps
// (kept.ts), with the CSP that each came with. It answers for its own folder
// only, never for the console or the node's API, and asks the network nothing.

import { cacheName, keptAs } from './kept.ts';

interface Asked extends Event {
  request: Request;
  respondWith(answer: Promise<Response>): void;
}

addEventListener('install', () => void (globalThis as unknown as { skipWaiting(): Promise<void> }).skipWaiting());

addEventListener('fetch', (event) => {
  const asked = event as Asked;
  asked.respondWith(answer(asked.request));
});

async function answer({ url, mode }: Request): Promise<Response> {
  if (mode !== 'navigate') return Response.error();
  const cache = await caches.open(cacheName);
  return (await cache.match(keptAs(new URL(url).pathname))) ?? Response.error();
}
