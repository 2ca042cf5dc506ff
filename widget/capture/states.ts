// What an element shows beyond its attributes: a field's value, ticks, the
// chosen options, open dialogs and popovers, disabled sheets.
import { Op, State } from './format.ts';
import type { Ids } from './ids.ts';
import type { Masks } from './masks.ts';
import type { Patches } from './patches.ts';
import { change, type Writer, writeChange } from './writer.ts';

const noValue = new Set(['checkbox', 'radio', 'hidden', 'file', 'submit', 'button', 'reset', 'image']);
const longest = 64 << 10; // UTF-16 units of a value

export class States {
  readonly #dirty = new Set<Element>();
  #bits = new WeakMap<Element, number>();
  #values = new WeakMap<Element, string>();

  constructor(
    readonly ids: Ids,
    readonly masks: Masks,
    readonly signal: () => void,
  ) {}

  renew(): void {
    this.#dirty.clear();
    this.#bits = new WeakMap();
    this.#values = new WeakMap();
  }

  patch(patches: Patches): void {
    const touch = (el: Element): void => this.touch(el);
    for (const name of ['value', 'checked', 'indeterminate', 'valueAsNumber', 'valueAsDate']) {
      patches.setter(HTMLInputElement.prototype, name, touch);
    }
    patches.setter(HTMLTextAreaElement.prototype, 'value', touch);
    for (const name of ['value', 'selectedIndex']) patches.setter(HTMLSelectElement.prototype, name, touch);
    patches.setter(HTMLOptionElement.prototype, 'selected', (o: HTMLOptionElement) => touch(o.closest('select') ?? o));
    for (const name of ['showModal', 'show', 'close']) patches.method(HTMLDialogElement.prototype, name, touch);
    for (const name of ['showPopover', 'hidePopover', 'togglePopover'])
      patches.method(HTMLElement.prototype, name, touch);
    for (const name of ['setRangeText', 'stepUp', 'stepDown']) patches.method(HTMLInputElement.prototype, name, touch);
    patches.setter(StyleSheet.prototype, 'disabled', (sheet: StyleSheet) => {
      if (sheet.ownerNode) touch(sheet.ownerNode as Element);
    });
  }

  /** A new element: only what differs from its attributes has to be said. */
  arrived(el: Element): void {
    this.#dirty.add(el);
  }

  touch(el: Element): void {
    this.#dirty.add(el);
    this.signal();
  }

  /** A form was reset: its fields change after the event. */
  reset(form: HTMLFormElement): void {
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
      if (el instanceof HTMLInputElement && el.type === 'radio' && el.checked && el.name) this.#group(el);
    }
    for (const el of this.#dirty) {
      if (!this.ids.of(el)) continue;
      if (el.localName === 'select') this.#select(w, el as HTMLSelectElement);
      else {
        this.#state(w, el, bitsOf(el), defaultBits(el));
        this.#value(w, el);
      }
    }
    this.#dirty.clear();
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
  if (el.hasAttribute('popover') && matches(el, ':popover-open')) bits |= State.popover;
  return bits;
}

function defaultBits(el: Element): number {
  return el.localName === 'input' && el.hasAttribute('checked') ? State.checked : 0;
}
