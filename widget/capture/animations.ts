// Animations made by script. Those of CSS run in the mirror by themselves. They
// travel as a @keyframes rule and their timing, all of an element's together.
import { idOf, isMasked, news, signal } from './core.ts';
import { maskCss } from './css.ts';
import { Animated, Limit, Op } from './format.ts';
import type { Part } from './part.ts';
import { patch } from './patches.ts';
import { absoluteCss } from './url.ts';
import { op, plain, u, z } from './writer.ts';

const longest = Limit.inline; // UTF-16 units of a rule; an animation with a longer one is left out
const most = 100; // animations of an element
const endless = 4e9; // ms, and hundredths of an iteration

const due = new Set<Element>(); // to be written once they are known

function touch(el: Element | null | undefined): void {
  if (!el) return;
  due.add(el);
  signal();
}

/** An element's animations that are not of CSS. */
function byScript(el: Element): Animation[] {
  return el.getAnimations().filter((a) => !('animationName' in a || 'transitionProperty' in a));
}

export const animations: Part = {
  renew: () => due.clear(),

  patch(view) {
    patch(view, 'Element animate', touch);
    patch(
      view,
      'Animation play pause cancel finish reverse updatePlaybackRate currentTime startTime playbackRate effect',
      ({ effect }) => touch(effect?.target),
    );
    patch(view, 'KeyframeEffect setKeyframes AnimationEffect updateTiming', ({ target }) => touch(target));
  },

  /** A new document: what is animated in it already has to be said. */
  rooted(root) {
    for (const { effect } of root.getAnimations()) {
      const { target } = effect as KeyframeEffect;
      if (target && byScript(target).length > 0) due.add(target);
    }
  },

  write() {
    for (const el of due) {
      const known = idOf(el) > 0;
      if (!known && el.isConnected) continue;
      due.delete(el);
      if (known) write(el);
    }
  },
};

function write(el: Element): void {
  const list = byScript(el)
    .map((a) => [a, keyframes(a.effect as KeyframeEffect, el)] as const)
    .filter(([, rule]) => rule.length < longest)
    .slice(0, most);
  if (!news(el, Op.animate, list.length, 0) && list.length === 0) return;
  op(Op.animate, 0, idOf(el));
  u(list.length);
  for (const [animation, rule] of list) {
    const { direction, fill, duration, iterations, delay, easing } = (
      animation.effect as KeyframeEffect
    ).getComputedTiming() as Required<ComputedEffectTiming>;
    u(
      (Animated.directions.indexOf(direction) & 3) |
        ((Animated.fills.indexOf(fill as 'none') & 3) << 2) |
        (animation.playState === 'paused' ? Animated.paused : 0),
    );
    u(bounded(duration, 0, endless));
    u(bounded(iterations * 100, 0, endless));
    for (const n of [delay, animation.playbackRate * 100, animation.currentTime]) z(bounded(n, -1e9, 1e9));
    plain(easing);
    plain(rule);
    if (animation.playState !== 'running') continue;
    const again = (): void => touch(el);
    animation.finished.then(again, again);
  }
}

const bounded = (n: unknown, least: number, most: number): number =>
  Math.round(Math.min(Math.max(Number(n), least), most)) || 0;

function keyframes(effect: KeyframeEffect, el: Element): string {
  const frames = effect.getKeyframes().map(({ computedOffset, offset, easing, composite, ...declared }) => {
    const rest = Object.entries(declared).map(([name, value]) => `${property(name)}:${value};`);
    return `${computedOffset * 100}%{${rest.join('')}animation-timing-function:${easing}}`;
  });
  const rule = `@keyframes k{${frames.join('')}}`;
  return isMasked(el) ? maskCss(rule) : absoluteCss(rule, el);
}

/** A keyframe's name of a CSS property as CSS has it. */
function property(name: string): string {
  return name.startsWith('--')
    ? name
    : name.replace(/^css(?=[FO])/, '').replace(/[A-Z]/g, (c, at) => (at && '-') + c.toLowerCase());
}
