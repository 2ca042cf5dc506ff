// Animations made by script. Those of CSS run in the mirror by themselves. They
// travel as a @keyframes rule and their timing, all of an element's together.
import { Animated, Limit, Op } from './format.ts';
import type { Page } from './more.ts';
import type { Part } from './part.ts';
import type { Patches } from './patches.ts';
import type { Realm } from './roots.ts';
import { absoluteCss } from './url.ts';
import type { Writer } from './writer.ts';

const longest = Limit.inline; // UTF-16 units of a rule; an animation with a longer one is left out
const most = 100; // animations of an element
const endless = 4_000_000_000; // ms, and hundredths of an iteration

export class Animations implements Part {
  #said = new WeakSet<Element>(); // elements with animations in the mirror
  readonly #due = new Set<Element>(); // to be written once they are known

  constructor(readonly page: Page) {}

  renew(): void {
    this.#said = new WeakSet();
    this.#due.clear();
  }

  patch(patches: Patches, view: Realm): void {
    const changed = ({ target }: KeyframeEffect): void => {
      if (target) this.#touch(target);
    };
    const moved = (a: Animation): void => {
      if (a.effect) changed(a.effect as KeyframeEffect);
    };
    const { Animation, KeyframeEffect, AnimationEffect } = view;
    patches.method(view.Element.prototype, 'animate', (el: Element) => this.#touch(el));
    patches.method(Animation.prototype, 'play pause cancel finish reverse updatePlaybackRate', moved);
    patches.setter(Animation.prototype, 'currentTime startTime playbackRate effect', moved);
    patches.method(KeyframeEffect.prototype, 'setKeyframes', changed);
    patches.method(AnimationEffect.prototype, 'updateTiming', changed);
  }

  /** A new document: what is animated in it already has to be said. */
  rooted(root: DocumentOrShadowRoot): void {
    for (const { effect } of root.getAnimations()) {
      const { target } = effect as KeyframeEffect;
      if (target && byScript(target).length > 0) this.#due.add(target);
    }
  }

  #touch(el: Element): void {
    this.#due.add(el);
    this.page.signal();
  }

  write(w: Writer): void {
    for (const el of this.#due) {
      const known = this.page.ids.of(el);
      if (!known && el.isConnected) continue;
      this.#due.delete(el);
      if (known) this.#write(w, el);
    }
  }

  #write(w: Writer, el: Element): void {
    const list = byScript(el)
      .map((a) => [a, keyframes(a.effect as KeyframeEffect, el, this.page.ids.masked(el))] as const)
      .filter(([, rule]) => rule !== '' && rule.length < longest)
      .slice(0, most);
    if (list.length === 0 && !this.#said.has(el)) return;
    this.#said.add(el);
    w.op(Op.animate);
    w.ref(this.page.ids.of(el));
    w.u(list.length);
    for (const [animation, rule] of list) {
      this.#timing(w, animation, el);
      w.plain(rule);
    }
  }

  #timing(w: Writer, animation: Animation, el: Element): void {
    const { direction, fill, duration, iterations, delay, easing } = (
      animation.effect as KeyframeEffect
    ).getComputedTiming();
    const paused = animation.playState === 'paused';
    w.u(
      Math.max(0, Animated.directions.indexOf(direction ?? 'normal')) |
        (Math.max(0, Animated.fills.indexOf((fill ?? 'none') as 'none')) << 2) |
        (paused ? Animated.paused : 0),
    );
    w.u(bounded(Number(duration)));
    w.u(bounded((iterations ?? 1) * 100));
    w.z(whole(delay));
    w.z(whole(animation.playbackRate * 100));
    w.z(whole(animation.currentTime));
    w.plain(easing ?? 'linear');
    if (animation.playState !== 'running') return;
    const again = (): void => this.#touch(el);
    animation.finished.then(again, again);
  }
}

const bounded = (n: number): number => Math.round(Math.min(Math.max(n, 0), endless)) || 0;
const whole = (n: unknown): number => Math.round(Math.min(Math.max(Number(n), -1e9), 1e9)) || 0;

/** An element's animations that are not of CSS. */
function byScript(el: Element): Animation[] {
  return el.getAnimations().filter((a) => !('animationName' in a || 'transitionProperty' in a));
}

function keyframes(effect: KeyframeEffect, el: Element, masked: boolean): string {
  const frames = effect.getKeyframes().map((frame) => {
    const { computedOffset, offset, easing, composite, ...declared } = frame;
    const rest = Object.entries(declared).map(([name, value]) => `${property(name)}:${value};`);
    return `${computedOffset * 100}%{${rest.join('')}animation-timing-function:${easing}}`;
  });
  const rule = `@keyframes k{${frames.join('')}}`;
  return masked && /url\(|content/i.test(rule) ? '' : absoluteCss(rule, el);
}

/** A keyframe's name of a CSS property as CSS has it. */
function property(name: string): string {
  return name.startsWith('--')
    ? name
    : name.replace(/^css(?=[FO])/, '').replace(/[A-Z]/g, (c, at) => (at && '-') + c.toLowerCase());
}
