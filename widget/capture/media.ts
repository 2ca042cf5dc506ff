// Where videos and sounds are, whether they play, and how.
import { localNameOf } from '../native.ts';
import { idOf, isMasked, news } from './core.ts';
import { Op } from './format.ts';
import type { Part } from './part.ts';
import { touch } from './states.ts';
import { op, u } from './writer.ts';

const longest = 4e9; // ms

export const media: Part = {
  handle(type, target) {
    if (/^(?:play|pause|seeked|(?:rate|volume)change)$/.test(type)) touch(target);
  },

  touched(el) {
    if (!/^(?:audio|video)$/.test(localNameOf(el)) || isMasked(el)) return;
    const { paused, muted, defaultMuted, currentTime, playbackRate } = el as HTMLMediaElement;
    const rate = Math.max(0, playbackRate); // Safari plays backwards, too
    const now = [+!paused | (+muted << 1), Math.min(currentTime * 1000, longest), rate * 100].map(Math.round);
    if (!news(el, Op.media, `${now}`, `${[+defaultMuted << 1, 0, 100]}`)) return;
    op(Op.media, 0, idOf(el));
    now.forEach(u);
  },
};
