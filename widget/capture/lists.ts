// Whether the list of a select is open: no event says so, but some browsers can be
// asked (`:open`), so after a click or key the select is asked, and while it is open.
import { localNameOf } from '../native.ts';
import type { Part } from './part.ts';
import { patch } from './patches.ts';
import { isOpen, touch } from './states.ts';

const pause = 100; // ms

let looked: HTMLElement | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;

function look(el: HTMLElement): void {
  if (looked && looked !== el) touch(looked);
  looked = el;
  clearTimeout(timer);
  timer = setTimeout(() => {
    touch(el);
    if (isOpen(el)) look(el);
  }, pause);
}

export const lists: Part = {
  renew: () => clearTimeout(timer),

  patch(view) {
    patch(view, 'HTMLSelectElement showPicker', look);
  },

  arrived(el) {
    if (isOpen(el)) look(el as HTMLElement);
  },

  handle(type, target) {
    if (/^(?:click|keydown|focusin)$/.test(type) && localNameOf(target) === 'select') look(target as HTMLElement);
  },
};
