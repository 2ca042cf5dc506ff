// What an agent does on the visitor's page: points, draws, lights up, scrolls
// to, fills in and clicks, as far as the visitor lets them. Loaded when the first
// level is granted.

import { pageAddress } from '../wire/address.ts';
import type { Act, Acted, Draw, Level } from '../wire/payload.ts';
import { ElementAnchor } from './anchor.ts';
import { click } from './click.ts';
import { Hands } from './hands.ts';
import { Hint } from './hint.ts';
import { Ink } from './ink.ts';
import { Layer } from './layer.ts';
import { Held, readHand } from './record.ts';
import { Spotlight } from './spotlight.ts';
import { Together } from './together.ts';

/** What Guide needs of the page's capture: the element with an id that is there and not masked. */
export type Find = (id: number) => Element | null;

const tellFirst = 100; // ms that what was done has to leave, before the page does

/** What each deed needs. */
const needs: Record<Act['do'], Level> = {
  point: 'point',
  scroll: 'scroll',
  fill: 'fill',
  click: 'click',
  open: 'click',
};

export class Guide {
  readonly #spotlight: Spotlight;
  readonly #hands: Hands;
  readonly #ink: Ink;
  readonly #hint: Hint;
  readonly #together: Together;
  #last: ElementAnchor | null = null;
  readonly #find: Find;
  readonly #may: (level: Level) => boolean;
  readonly #ours: Element; // the element that all of ours is in

  /** frame holds what is drawn; may says what the visitor lets the agent do now; undo is what taking text back is called; own says whether an address is one of the site's pages. */
  constructor(
    frame: HTMLElement,
    find: Find,
    may: (level: Level) => boolean,
    undo: string,
    private readonly own: (url: URL) => boolean | undefined,
  ) {
    const layer = new Layer(frame);
    this.#ink = new Ink(layer);
    this.#spotlight = new Spotlight(layer);
    this.#hands = new Hands(layer);
    this.#hint = new Hint(frame);
    this.#together = new Together(frame, undo);
    this.#ours = (frame.getRootNode() as ShadowRoot).host;
    this.#find = find;
    this.#may = may;
  }

  /** Does what an agent asks for; says why not, and for a fill which value the field has now. */
  async act(act: Act): Promise<Pick<Acted, 'why' | 'now'>> {
    const { do: deed, node, by = '' } = act;
    if (!(deed in needs) || !this.#may(needs[deed]) || document.hidden) return { why: 'refused' };
    if (deed === 'open') return this.#open(act.text ?? '');
    const el = this.#find(node);
    if (!el) return { why: 'gone' };
    if (deed === 'fill') return this.#together.fill(el, act.text ?? '', act.base, by, act.done ?? false);
    this.#together.leave();
    if (deed === 'scroll' || deed === 'point') this.#hint.bring(el, by, this.#may('scroll'));
    this.#spotlight.light(new ElementAnchor(el, document), by);
    const why = deed === 'click' && click(el, this.#ours);
    return why ? { why } : {};
  }

  /** Goes to a page of the site, once this has been told. */
  #open(address: string): Pick<Acted, 'why'> {
    const url = pageAddress(address);
    if (!url || !(url.origin === location.origin || this.own(url))) return { why: 'outside' };
    setTimeout(() => location.assign(url), tellFirst);
    return {};
  }

  /** Shows where an agent points. */
  hand(bytes: Uint8Array): void {
    if (!this.#may('point') && !this.#may('draw')) return;
    const hand = readHand(bytes);
    const anchor = this.#anchor(hand.node);
    this.#hands.point(hand, anchor);
    if (anchor && hand.held === Held.button) this.#hint.bring(anchor.element, hand.name, false);
  }

  /** Draws what an agent has drawn, or takes all drawings away. */
  draw(draw: Draw): void {
    if (!this.#may('draw')) return;
    this.#hands.drew(draw.colour ?? 0);
    if (draw.shape === 'clear') this.#ink.clear();
    const anchor = this.#anchor(draw.node ?? 0);
    if (anchor) this.#ink.draw(draw, anchor);
  }

  /** Takes away what the visitor does not let the agent show any more. */
  settle(): void {
    const [draws, points] = [this.#may('draw'), this.#may('point')];
    if (!draws) this.#ink.clear();
    if (!draws && !points) this.#hands.clear();
    if (!this.#may('fill')) this.#together.clear();
    if (!Object.values(needs).some(this.#may)) this.#spotlight.clear();
    if (!points && !this.#may('scroll')) this.#hint.clear();
  }

  /** A hand mostly stays on its element from one record to the next. */
  #anchor(node: number): ElementAnchor | null {
    const el = node ? this.#find(node) : null;
    if (el && el !== this.#last?.element) this.#last = new ElementAnchor(el, document);
    return el && this.#last;
  }
}
