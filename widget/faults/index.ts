// What goes wrong on the visitor's page while they share it: errors of its
// scripts, what could not be loaded, requests that failed. Of each only what
// helps support and tells nothing of the visitor. Loaded when a page is shared.

import type { Fault } from '../wire/payload.ts';

const together = 1_000; // ms that faults wait for others to go with
const atOnce = 10; // in one frame, as relay/wire says
const most = 100; // of one page
const longestText = 200; // characters
const longestUrl = 300; // characters

/** What elements ask for: its failure is told by the element's error, which knows whether it is masked. */
const ofElements = /^(?:img|image|input|video|audio|track|source|embed|object|i?frame|css)$/;

/**
 * Tells of faults from now on, and of requests that failed before. Returns what
 * ends that. masked: say no texts; hidden: whether an element is masked, so that
 * nothing of it is told.
 */
export function watchFaults(
  tell: (faults: Fault[]) => void,
  masked: boolean,
  hidden: (el: Element) => boolean,
): () => void {
  const waiting: Fault[] = [];
  let told = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = new AbortController();
  const known = new Set<string>();
  const statuses = new Map<string, number>(); // of what elements asked for

  const send = (): void => {
    const some = waiting.splice(0, atOnce);
    timer = waiting.length ? setTimeout(send, together) : undefined;
    if (some.length) tell(some);
  };
  const add = (fault: Omit<Fault, 'at'>): void => {
    const { text = '', url = '', status = statuses.get(fault.url ?? '') ?? 0 } = fault;
    const key = `${url} ${text}`;
    const same = waiting.find((other) => other.url === url && !other.text && !text);
    if (same && status) same.status = status; // what could not be loaded is told once, with its status
    if (known.has(key) || told >= most) return;
    known.add(key);
    told++;
    const said = { ...(text && !masked && { text }), ...(url && { url }), ...(status && { status }) };
    waiting.push({ at: Date.now(), ...said });
    timer ??= setTimeout(send, together);
  };

  addEventListener(
    'error',
    (event: Event) => {
      if (event instanceof ErrorEvent) add({ text: firstLine(event.message), url: place(event.filename) });
      else if (
        event.target instanceof Element &&
        !hidden(event.target) &&
        !icon((event.target as Partial<HTMLLinkElement>).href ?? '')
      )
        add({ url: place(source(event.target)) });
    },
    { capture: true, signal: stop.signal },
  );
  addEventListener(
    'unhandledrejection',
    ({ reason }: PromiseRejectionEvent) => {
      const text = reason instanceof Error ? reason.message : typeof reason === 'string' ? reason : '';
      add({ text: firstLine(text) });
    },
    { signal: stop.signal },
  );
  const observer = new PerformanceObserver((list) => {
    for (const { name, initiatorType, responseStatus: status } of list.getEntries() as PerformanceResourceTiming[]) {
      if (status < 400 || icon(name) || ours.test(name)) continue;
      const url = place(name);
      const told = waiting.find((other) => other.url === url && !other.text);
      if (!ofElements.test(initiatorType)) add({ url, status });
      else if (told) told.status = status;
      else if (statuses.size < most) statuses.set(url, status);
    }
  });
  observer.observe({ type: 'resource', buffered: true });
  return () => {
    stop.abort();
    observer.disconnect();
    clearTimeout(timer);
  };
}

/** The first line of an error, without what looks like somebody's number, code or address. */
function firstLine(message: string): string {
  const line = message.split('\n', 1)[0] ?? '';
  return line
    .replace(/\S+@\S+/g, '…')
    .replace(/\d[\d\s-]{2,}\d/g, '…')
    .slice(0, longestText);
}

/** An address without its query and fragment; of data and blobs only that they are. */
function place(address: string): string {
  try {
    const { origin, pathname, protocol } = new URL(address, location.href);
    return /^https?:$/.test(protocol) ? (origin + pathname).slice(0, longestUrl) : protocol;
  } catch {
    return '';
  }
}

/** Whether an address is that of the picture in the browser's tab: nobody's page misses it. */
const icon = (address: string): boolean =>
  /\/favicon\.ico(?:\?|$)/.test(address) ||
  [...document.querySelectorAll<HTMLLinkElement>('link[rel~="icon" i]')].some(({ href }) => href === address);

/** What Kohe asks its nodes for is nobody's page's: one that is about to stop refuses, for example. */
const ours = /^[a-z]+:\/\/[^/]+\/kohe(?:\.js|\/)/;

const source = (el: Element): string => el.getAttribute('src') ?? el.getAttribute('href') ?? '';
