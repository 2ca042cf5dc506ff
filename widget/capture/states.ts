// What an element shows beyond its attributes: a field's value, ticks, the
// chosen options, open dialogs and popovers, disabled sheets.
import { documentOf, fieldsOf, localNameOf, matches, viewOf } from '../native.ts';
import { idOf, isMasked, news, parts, saidOf, signal } from './core.ts';
import { internalsOf, rise, risen, stateHosts } from './early.ts';
import { Op, State } from './format.ts';
import * as masks from './masks.ts';
import type { Part } from './part.ts';
import { patch } from './patches.ts';
import { pending, spent } from './serializer.ts';
import { edit, op, refs, str, u } from './writer.ts';

const noValue = /^(?:checkbox|radio|hidden|file|submit|button|reset|image)$/;
const longest = 64 << 10; // UTF-16 units of a value

const dirty = new Set<Element>();
const early: Element[] = []; // they are asked again

/** Something of an element may have changed. */
export function touch(el: Element): void {
  dirty.add(el);
  signal();
}

/** Has an element's value sent anew. */
export function forgetValue(el: Element): void {
  news(el, Op.value, undefined);
  dirty.add(el);
}

const above = State.modal | State.popover;
const unlike = -1; // any state: it is written, whatever it is

/** An element came to the top: that is said although its state may be what it was. */
function raised(el: Element): void {
  news(el, Op.state, unlike);
  touch(el);
}

/** Whether elements are left for the next message. */
export function unfinishedStates(): boolean {
  return dirty.size > 0;
}

/** Members whose use changes the state of what they are called on. */
const telling = `HTMLInputElement value checked indeterminate valueAsNumber valueAsDate setRangeText stepUp stepDown
HTMLTextAreaElement value setRangeText HTMLSelectElement value selectedIndex HTMLDialogElement show close
HTMLElement hidePopover HTMLSlotElement assign`;

export const states: Part = {
  renew: () => dirty.clear(),

  patch(view) {
    patch(view, telling, touch);
    patch(view, 'HTMLDialogElement showModal HTMLElement showPopover togglePopover', raised);
    patch(view, 'HTMLOptionElement selected', (o) => touch(o.closest('select') ?? o));
    patch(view, 'CustomStateSet add delete clear', (set) => {
      const host = stateHosts.get(set);
      if (host) touch(host);
    });
    patch(view, 'StyleSheet disabled', ({ ownerNode }) => ownerNode && touch(ownerNode));
  },

  /** A new element: only what differs from its attributes has to be said. */
  arrived(el) {
    dirty.add(el);
    const { localName } = el;
    if (!localName.includes('-') || el.matches(':defined')) return;
    viewOf(documentOf(el) as Document)
      ?.customElements.whenDefined(localName)
      .then(
        () => touch(el),
        () => {}, // not a name that can be defined
      );
  },

  handle(type, target) {
    if (type === 'reset') {
      // Its fields change after the event.
      queueMicrotask(() => {
        for (const el of fieldsOf(target as HTMLFormElement)) touch(el);
      });
    } else if (type === 'toggle' && is(target, 'dialog,[popover]')) {
      rise(target); // also where no script opened it
      touch(target);
    } else if (/^(?:input|change|invalid|toggle|close)$/.test(type) && target.nodeType === 1)
      touch(localNameOf(target) === 'option' ? (target.closest('select') ?? target) : target);
  },

  write() {
    if (dirty.size === 0) return;
    for (const el of [...dirty]) {
      const { type, checked, name, form } = el as HTMLInputElement;
      if (type === 'radio' && checked && name)
        for (const other of (form ?? (el.getRootNode() as ParentNode)).querySelectorAll('input[type=radio i]'))
          if ((other as HTMLInputElement).name === name) dirty.add(other);
    }
    raise();
    for (const el of dirty) {
      if (spent()) return; // the rest is for the next message
      dirty.delete(el);
      if (!idOf(el)) continue;
      if (el.localName === 'select') select(el as HTMLSelectElement);
      else {
        const input = el as HTMLInputElement;
        state(el, bitsOf(input), el.localName === 'input' && el.hasAttribute('checked') ? State.checked : 0);
        value(input);
        custom(el);
        assigned(el as HTMLSlotElement);
        for (const part of parts) part.touched?.(el);
      }
    }
    for (const el of early.splice(0)) dirty.add(el);
  },
};

/** What is above an element that the mirror has not opened yet is opened again after it. */
function raise(): void {
  let anew = false;
  for (const el of risen) {
    const was = saidOf(el, Op.state) as number | undefined;
    const fresh = was === undefined && dirty.has(el);
    anew ||= fresh;
    if (!fresh && !(anew && (was ?? 0) & above)) continue;
    if (!fresh) news(el, Op.state, unlike);
    dirty.delete(el);
    dirty.add(el);
  }
}

function state(el: Element, now: number, unsaid: number): void {
  const shown = isMasked(el) ? now & ~(State.checked | State.selected | State.indeterminate) : now;
  if (!news(el, Op.state, shown, unsaid)) return;
  op(Op.state, 0, idOf(el));
  u(shown);
}

function select(el: HTMLSelectElement): void {
  if (isMasked(el)) return;
  state(el, isOpen(el) ? State.open : 0, 0);
  const options = [...el.options];
  const alone = !el.multiple && el.size < 2 && !options.some((o) => o.defaultSelected);
  const first = alone ? options.find((o) => !o.disabled) : null; // chosen by default
  // What is chosen comes last: choosing it takes the choice from the others.
  options.sort((a, b) => +a.selected - +b.selected);
  for (const o of options)
    if (idOf(o)) state(o, o.selected ? State.selected : 0, o.defaultSelected || o === first ? State.selected : 0);
}

function custom(el: Element): void {
  const set = isMasked(el) ? null : (internalsOf.get(el)?.states as Iterable<string> | undefined);
  const now = [...(set ?? [])].join(' ');
  if (!news(el, Op.custom, now, '')) return;
  op(Op.custom, 0, idOf(el));
  str(now);
}

/** What a script has assigned to a slot; once more, if some of it is still to come. */
function assigned(el: HTMLSlotElement): void {
  if (el.localName !== 'slot' || (el.getRootNode() as ShadowRoot).slotAssignment !== 'manual') return;
  const ids = el.assignedNodes().map(idOf);
  if (ids.includes(0) && pending.size > 0) early.push(el);
  op(Op.adopt, 0, idOf(el));
  refs(ids.filter(Boolean));
}

function value(el: HTMLInputElement): void {
  const input = el.localName === 'input';
  if (!(input || el.localName === 'textarea') || noValue.test(el.type)) return;
  const was = saidOf(el, Op.value) as string | undefined;
  const shown = (v: string): string => (isMasked(el) ? masks.value(el, v) : v.slice(0, longest));
  const now = shown(el.value);
  if (news(el, Op.value, now, input ? shown(el.getAttribute('value') ?? '') : ''))
    edit(Op.value, idOf(el), '', was ?? '', now);
}

function is(el: Element, selector: string): boolean {
  try {
    return matches(el, selector);
  } catch {
    return false; // a browser that does not know the selector has no such state
  }
}

/** Whether an element is a select whose list is open, where the browser says so. */
export const isOpen = (el: Element): boolean => localNameOf(el) === 'select' && is(el, ':open');

/** States that a selector tells. */
const told: [State, string][] = [
  [State.modal, 'dialog:modal'],
  [State.popover, '[popover]:popover-open'],
  [State.userInvalid, 'input:user-invalid'],
];

function bitsOf(el: HTMLInputElement): number {
  let now = (el as unknown as HTMLStyleElement).sheet?.disabled ? State.disabledSheet : 0;
  const localName = localNameOf(el);
  if (localName === 'input') now = +el.checked | (el.indeterminate ? State.indeterminate : 0);
  if (localName.includes('-') && !is(el, ':defined')) now = State.undefined;
  for (const [bit, selector] of told) if (is(el, selector)) now |= bit;
  return now;
}
