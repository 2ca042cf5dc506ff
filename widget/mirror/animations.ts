// Animations that the visitor's scripts made. They come as a @keyframes rule and
// their timing; an element's animations replace its former ones.
import { Animated } from '../capture/format.ts';
import { animate, documentOf, isElement, viewOf } from '../native.ts';
import type { Reader } from './reader.ts';
import { safeCss } from './safe.ts';

const endless = 4_000_000_000; // ms, and hundredths of an iteration

interface Timed {
  timing: KeyframeEffectOptions;
  rate: number;
  time: number;
  paused: boolean;
  rule: string;
}

export class Animations {
  readonly #running = new WeakMap<Node, Animation[]>();

  /** Reads an element's animations; without an element they are read and dropped. */
  apply(r: Reader, node: Node | undefined): void {
    const list: Timed[] = [];
    for (let n = r.u(); n > 0; n--) list.push(timed(r));
    if (!isElement(node)) return;
    for (const animation of this.#running.get(node) ?? []) animation.cancel();
    this.#running.set(
      node,
      list.flatMap((t) => start(node, t) ?? []),
    );
  }
}

function timed(r: Reader): Timed {
  const flags = r.u();
  const [duration, iterations, delay, rate, time] = [r.u(), r.u(), r.z(), r.z(), r.z()];
  return {
    timing: {
      direction: Animated.directions[flags & 3] as PlaybackDirection,
      fill: Animated.fills[(flags >> 2) & 3] as FillMode,
      duration,
      iterations: iterations >= endless ? Number.POSITIVE_INFINITY : iterations / 100,
      delay,
      easing: r.plain(),
    },
    rate: rate / 100,
    time,
    paused: (flags & Animated.paused) !== 0,
    rule: r.plain(),
  };
}

function start(el: Element, { timing, rate, time, paused, rule }: Timed): Animation | null {
  const view = viewOf(documentOf(el) as Document);
  if (!view || !safeCss(rule)) return null;
  try {
    const animation = animate(el, keyframes(view, rule), timing);
    animation.playbackRate = rate;
    animation.currentTime = time;
    if (paused) animation.pause();
    return animation;
  } catch {
    return null; // timing or easing that this browser does not know
  }
}

/** The keyframes of a @keyframes rule. */
function keyframes(view: Window & typeof globalThis, rule: string): Keyframe[] {
  const sheet = new view.CSSStyleSheet();
  sheet.replaceSync(rule);
  const parsed = sheet.cssRules[0];
  if (!(parsed instanceof view.CSSKeyframesRule)) return [];
  return [...parsed.cssRules].map((r) => {
    const { keyText, style } = r as CSSKeyframeRule;
    const frame: Keyframe = { offset: Number.parseFloat(keyText) / 100 };
    for (const name of style) {
      if (name === 'animation-timing-function') frame.easing = style.getPropertyValue(name);
      else frame[name.startsWith('--') ? name : camel(name)] = style.getPropertyValue(name);
    }
    return frame;
  });
}

const camel = (name: string): string => name.replace(/-(.)/g, (_, c: string) => c.toUpperCase());
