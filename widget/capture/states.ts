// What an element shows beyond its attributes: a field's value, ticks, the
// chosen options, open dialogs and popovers, disabled sheets.
import { internalsOf, stateHosts } from './early.ts';
import { Op, State } from './format.ts';
import type { Ids } from './ids.ts';
import type { Masks } from './masks.ts';
import type { Part } from './part.ts';
import type { Patches } from './patches.ts';
import type { Realm } from './roots.ts';
import { change, type Writer, writeChange } from './writer.ts';

const noValue = new Set(['checkbox', 'radio', 'hidden', 'file', 'submit', 'button', 'reset', 'image']);
const most = 384 << 10; // bytes of a message after which no element begins
const longest = 64 << 10; // UTF-16 units of a value

export class States implements Part {
  readonly #dirty = new Set<Element>();
  #bits = new WeakMap<Element, number>();
  #values = new WeakMap<Element, string>();
  #customs = new WeakMap<Element, string>();

  constructor(
    readonly ids: Ids,
    readonly masks: Masks,
    readonly signal: () => void,
    /** What else of an element may have changed when it is touched. */
    readonly parts: readonly Part[],
  ) {}

  renew(): void {
    this.#dirty.clear();
    this.#bits = new WeakMap();
    this.#values = new WeakMap();
    this.#customs = new WeakMap();
  }

  patch(patches: Patches, view: Realm): void {
    const touch = this.touch;
    const input = view.HTMLInputElement.prototype;
    patches.setter(input, 'value checked indeterminate valueAsNumber valueAsDate', touch);
    patches.method(input, 'setRangeText stepUp stepDown', touch);
    patches.setter(view.HTMLTextAreaElement.prototype, 'value', touch);
    patches.method(view.HTMLTextAreaElement.prototype, 'setRangeText', touch);
    patches.setter(view.HTMLSelectElement.prototype, 'value selectedIndex', touch);
    patches.setter(view.HTMLOptionElement.prototype, 'selected', (o: HTMLOptionElement) =>
      touch(o.closest('select') ?? o),
    );
    patches.method(view.HTMLDialogElement.prototype, 'showModal show close', touch);
    patches.method(view.HTMLElement.prototype, 'showPopover hidePopover togglePopover', touch);
    patches.method(view.HTMLSlotElement.prototype, 'assign', touch);
    patches.method(view.CustomStateSet?.prototype, 'add delete clear', (set: object) => {
      const host = stateHosts.get(set);
      if (host) touch(host);
    });
    patches.setter(view.StyleSheet.prototype, 'disabled', ({ ownerNode }: StyleSheet) => {
      if (ownerNode) touch(ownerNode as Element);
    });
  }

  /** A new element: only what differs from its attributes has to be said. */
  arrived(el: Element): void {
    this.#dirty.add(el);
    const { localName } = el;
    if (!localName.includes('-') || el.matches(':defined')) return;
    el.ownerDocument.defaultView?.customElements.whenDefined(localName).then(
      () => this.touch(el),
      () => {}, // not a name that can be defined
    );
  }

  readonly touch = (el: Element): void => {
    this.#dirty.add(el);
    this.signal();
  };

  handle({ type }: Event, target: Element): void {
    if (type === 'reset') this.#reset(target as HTMLFormElement);
    else if (/^(?:input|change|invalid|toggle|close)$/.test(type) && target.nodeType === 1)
      this.touch(target.localName === 'option' ? (target.closest('select') ?? target) : target);
  }

  /** A form was reset: its fields change after the event. */
  #reset(form: HTMLFormElement): void {
    queueMicrotask(() => {
      for (const el of form.elements) this.touch(el);
    });
  }

  forgetValue(el: Element): void {
    this.#values.delete(el);
    this.#dirty.add(el);
  }

  write(w: Writer): void {
    if (this.#dirty.size === 0) return;
    for (const el of [...this.#dirty]) {
      const { type, checked, name } = el as HTMLInputElement;
      if (el.localName === 'input' && type === 'radio' && checked && name) this.#group(el as HTMLInputElement);
    }
    for (const el of this.#dirty) {
      if (w.size > most) return; // the rest is for the next message
      this.#dirty.delete(el);
      if (!this.ids.of(el)) continue;
      if (el.localName === 'select') this.#select(w, el as HTMLSelectElement);
      else {
        this.#state(w, el, bitsOf(el), defaultBits(el));
        this.#value(w, el);
        this.#custom(w, el);
        this.#assigned(w, el);
        for (const part of this.parts) part.touched?.(w, el);
      }
    }
  }

  /** Whether elements are left for the next message. */
  get pending(): boolean {
    return this.#dirty.size > 0;
  }

  #group(el: HTMLInputElement): void {
    const scope = el.form ?? (el.getRootNode() as Document | ShadowRoot);
    for (const other of scope.querySelectorAll('input[type=radio i]')) {
      if ((other as HTMLInputElement).name === el.name) this.#dirty.add(other);
    }
  }

  #state(w: Writer, el: Element, bits: number, unsaid: number): void {
    const shown = this.ids.masked(el) ? bits & ~(State.checked | State.selected | State.indeterminate) : bits;
    if (shown === (this.#bits.get(el) ?? unsaid)) return;
    this.#bits.set(el, shown);
    w.op(Op.state);
    w.ref(this.ids.of(el));
    w.u(shown);
  }

  #select(w: Writer, select: HTMLSelectElement): void {
    if (this.ids.masked(select)) return;
    const options = select.options;
    const first =
      !select.multiple && select.size < 2 && !select.querySelector('option[selected]')
        ? Array.prototype.findIndex.call(options, (o: HTMLOptionElement) => !o.disabled)
        : -1;
    const chosen: HTMLOptionElement[] = [];
    for (let i = 0; i < options.length; i++) {
      const option = options[i] as HTMLOptionElement;
      if (option.selected) chosen.push(option);
      else if (this.ids.of(option))
        this.#state(w, option, 0, option.defaultSelected || i === first ? State.selected : 0);
    }
    for (const option of chosen) {
      const unsaid = option.defaultSelected || options[first] === option ? State.selected : 0;
      if (this.ids.of(option)) this.#state(w, option, State.selected, unsaid);
    }
  }

  #custom(w: Writer, el: Element): void {
    const states = this.ids.masked(el)
      ? ''
      : [...((internalsOf.get(el)?.states as Iterable<string> | undefined) ?? [])].join(' ');
    if (states === (this.#customs.get(el) ?? '')) return;
    this.#customs.set(el, states);
    w.op(Op.custom);
    w.ref(this.ids.of(el));
    w.str(states);
  }

  /** What a script has assigned to a slot. */
  #assigned(w: Writer, el: Element): void {
    if (el.localName !== 'slot' || (el.getRootNode() as ShadowRoot).slotAssignment !== 'manual') return;
    const nodes = (el as HTMLSlotElement).assignedNodes().filter((n) => this.ids.of(n));
    w.op(Op.adopt);
    w.ref(this.ids.of(el));
    w.u(nodes.length);
    for (const node of nodes) w.ref(this.ids.of(node));
  }

  #value(w: Writer, el: Element): void {
    const input = el.localName === 'input';
    if (!(input || el.localName === 'textarea') || (input && noValue.has((el as HTMLInputElement).type))) return;
    const field = el as HTMLInputElement | HTMLTextAreaElement;
    const said = this.#values.get(el);
    const masked = this.ids.masked(el);
    const shown = (v: string): string => (masked ? this.masks.value(el, v) : v.slice(0, longest));
    const now = shown(field.value);
    const before = said ?? (input ? shown(field.getAttribute('value') ?? '') : '');
    if (now === before) return;
    this.#values.set(el, now);
    const c = change(said ?? '', now);
    w.op(Op.value, c.k);
    w.ref(this.ids.of(el));
    writeChange(w, c);
  }
}

function matches(el: Element, selector: string): boolean {
  try {
    return el.matches(selector);
  } catch {
    return false; // a browser that does not know the selector has no such state
  }
}

function bitsOf(el: Element): number {
  let bits = 0;
  if (el.localName === 'input') {
    const input = el as HTMLInputElement;
    if (input.checked) bits |= State.checked;
    if (input.indeterminate) bits |= State.indeterminate;
    if (input.willValidate && !input.validity.valid && matches(input, ':user-invalid')) bits |= State.userInvalid;
  } else if (el.localName === 'dialog') {
    if (matches(el, ':modal')) bits |= State.modal;
  } else if (el.localName === 'style' || el.localName === 'link') {
    const sheet = (el as HTMLStyleElement).sheet;
    if (sheet?.disabled) bits |= State.disabledSheet;
  }
  if (el.localName.includes('-') && !el.matches(':defined')) bits |= State.undefined;
  if (el.hasAttribute('popover') && matches(el, ':popover-open')) bits |= State.popover;
  return bits;
}

function defaultBits(el: Element): number {
  return el.localName === 'input' && el.hasAttribute('checked') ? State.checked : 0;
}
