// Frames of other origins that carry Kohe, too, seen from the page that they are
// in: they are asked to show themselves, and what they say is woven into the page.
// Loaded when a shared page has a frame that it cannot look into.

import { Renumberer } from './renumber.ts';
import type { Capture } from './share.ts';

const most = 200; // frames that are known, and
const mostShown = 20; // that are shown
const longest = 1 << 20; // bytes of a message

/** What a page and its frames say to each other by postMessage, with the site's id. */
export type Call =
  | 'show' // the page: show yourself, if I am of your site
  | 'here' // a frame, once it can be asked
  | 'shown'; // a frame, with the port on which it shows itself

/** And on the port, from the page; a frame sends its messages, pointer records and `gone`. */
export type Order = 'snapshot' | 'stop';

interface Shown {
  port: MessagePort;
  ids: Renumberer;
}

export class Frames {
  readonly #known = new Map<HTMLIFrameElement, string>(); // with their origins, as far as they said so
  readonly #shown = new Map<HTMLIFrameElement, Shown>();

  constructor(
    private readonly capture: Pick<Capture, 'weave'>,
    private readonly site: string,
    private readonly origins: readonly string[],
    private readonly point: (record: Uint8Array) => void,
  ) {
    addEventListener('message', this.#heard);
  }

  /** A frame is fresh to the agent, who sees nothing in it yet, or has loaded another document. */
  show(frame: HTMLIFrameElement, fresh: boolean): void {
    this.#prune();
    const shown = this.#shown.get(frame);
    if (shown && !fresh) return; // the new document has said so itself
    if (shown) {
      shown.ids = new Renumberer();
      shown.port.postMessage('snapshot' satisfies Order);
    } else if (this.#known.size < most) {
      const origin = this.#known.get(frame) || originOf(frame.src);
      this.#known.set(frame, origin);
      if (this.origins.includes(origin)) this.#ask(frame, origin); // nobody else is to know that somebody is helped here
    }
  }

  close(): void {
    removeEventListener('message', this.#heard);
    for (const frame of [...this.#shown.keys()]) this.#end(frame);
    this.#known.clear();
  }

  #ask(frame: HTMLIFrameElement, origin: string): void {
    frame.contentWindow?.postMessage({ kohe: 'show' satisfies Call, site: this.site }, origin);
  }

  readonly #heard = ({ data, origin, source, ports: [port] }: MessageEvent): void => {
    const call = Object(data).kohe as Call;
    if (!this.origins.includes(origin) || Object(data).site !== this.site) return;
    const frame = [...this.#known.keys()].find((one) => source && one.contentWindow === source);
    if (!frame) return;
    this.#known.set(frame, origin);
    if (call === 'here') this.#ask(frame, origin);
    if (call !== 'shown' || !port) return;
    this.#end(frame);
    if (this.#shown.size >= mostShown) return;
    this.#shown.set(frame, { port, ids: new Renumberer() });
    port.onmessage = ({ data: said }) => this.#say(frame, said);
  };

  #say(frame: HTMLIFrameElement, said: unknown): void {
    const shown = this.#shown.get(frame);
    if (!shown) return;
    const { pointer } = Object(said) as { pointer?: unknown };
    try {
      if (said === 'gone') this.#end(frame);
      else if (said instanceof Uint8Array && said.length <= longest) {
        // While the page is not captured, or the frame is masked, what is left out would be missing later.
        if (!this.capture.weave(frame, (id, next) => shown.ids.written(said, id, next))) this.#end(frame);
      } else if (pointer instanceof Uint8Array) {
        const { left, top } = frame.getBoundingClientRect();
        this.point(shown.ids.pointer(pointer, left + frame.clientLeft, top + frame.clientTop));
      }
    } catch (error) {
      console.warn('Kohe: a frame cannot be shown:', error);
      this.#end(frame);
    }
  }

  #end(frame: HTMLIFrameElement): void {
    const shown = this.#shown.get(frame);
    if (!shown) return;
    this.#shown.delete(frame);
    this.capture.weave(frame, () => shown.ids.ended(), true);
    shown.port.postMessage('stop' satisfies Order);
    shown.port.close();
  }

  /** Forgets frames that are no longer in the page. */
  #prune(): void {
    for (const frame of this.#known.keys()) {
      if (frame.isConnected) continue;
      this.#end(frame);
      this.#known.delete(frame);
    }
  }
}

/** The origin of an address, '' if it has none. */
function originOf(address: string): string {
  try {
    return new URL(address).origin;
  } catch {
    return '';
  }
}
