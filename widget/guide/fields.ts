// What a field holds, and filling it in as if the visitor had: through the
// browser's own setters, past what a framework has put before them, and with the
// events that it listens to. Nobody's focus moves: a field that the visitor is
// not in only hears that it was entered and left.

import {
  activeIn,
  all,
  dispatch,
  documentOf,
  isDocument,
  matches,
  rootNodeOf,
  viewOf as viewOfDocument,
} from '../native.ts';
import { editText, plainText } from './plain.ts';
import { difference, moved } from './splice.ts';

/** text: two people can be in it at once. tick: "on" or "off". choices: a JSON list. */
export type FieldKind = 'text' | 'rich' | 'value' | 'tick' | 'choice' | 'choices';

/** Types of input that nobody but the visitor fills in, and those whose value is not written but set. */
const own = new Set(['file', 'password', 'hidden', 'submit', 'button', 'reset', 'image']);
const set = new Set(['number', 'range', 'color', 'date', 'time', 'month', 'week', 'datetime-local']);
const instant = new Set(['range', 'color']);

type View = Window & typeof globalThis;
type Box = HTMLInputElement | HTMLTextAreaElement;

const viewOf = (el: Element): View | null => viewOfDocument(documentOf(el) as Document) as View | null;

/** What kind of field an element is; null if it is none, or not one that can be filled in now. */
export function kindOf(el: Element): FieldKind | null {
  const view = viewOf(el);
  if (!view || matches(el, ':disabled')) return null;
  if (el instanceof view.HTMLInputElement) {
    if (own.has(el.type)) return null;
    if (el.type === 'checkbox' || el.type === 'radio') return 'tick';
    return el.readOnly ? null : set.has(el.type) ? 'value' : 'text';
  }
  if (el instanceof view.HTMLTextAreaElement) return el.readOnly ? null : 'text';
  if (el instanceof view.HTMLSelectElement) return el.multiple ? 'choices' : 'choice';
  return el instanceof view.HTMLElement && el.isContentEditable ? 'rich' : null;
}

/** What a field holds, as fill takes it. */
export function contentOf(el: Element, kind: FieldKind): string {
  if (kind === 'rich') return plainText(el);
  if (kind === 'tick') return (el as HTMLInputElement).checked ? 'on' : 'off';
  if (kind === 'choices') return JSON.stringify(chosen(el as HTMLSelectElement));
  return (el as Box).value;
}

/** The radio button that is chosen in a button's group, if it is another one. */
export function rivalOf(el: Element): Element | null {
  const { type, name, form } = el as HTMLInputElement;
  if (type !== 'radio' || !name) return null;
  const root = rootNodeOf(el) as Document | ShadowRoot;
  const what = 'input[type="radio"]:checked';
  const buttons = [...(isDocument(root) ? all(root, what) : root.querySelectorAll(what))] as HTMLInputElement[];
  return buttons.find((one) => one !== el && one.name === name && one.form === form) ?? null;
}

const chosen = (select: HTMLSelectElement): string[] => [...select.selectedOptions].map(({ value }) => value);

/** Gives a field a value; false if it does not take that one. */
export function fill(el: Element, kind: FieldKind, text: string): boolean {
  if (contentOf(el, kind) === text) return true;
  switch (kind) {
    case 'tick':
      HTMLElement.prototype.click.call(el);
      return contentOf(el, kind) === text || unchoose(el as HTMLInputElement);
    case 'choice':
      return choose(el as HTMLSelectElement, [text]);
    case 'choices':
      return choose(el as HTMLSelectElement, listOf(text));
    case 'value':
      return write(el as Box, text) && (!instant.has((el as Box).type) || changed(el));
    case 'text':
      return write(el as Box, text);
    case 'rich':
      return rewrite(el as HTMLElement, text);
  }
}

/** Leaves a radio button's group without a choice, which no click does. */
function unchoose(button: HTMLInputElement): boolean {
  if (button.type !== 'radio' || !button.checked) return false;
  put(button, 'checked', false);
  tell(button, 'insertReplacementText', null);
  return changed(button);
}

function listOf(text: string): string[] | null {
  try {
    const list = JSON.parse(text) as unknown;
    return Array.isArray(list) ? list.map(String) : null;
  } catch {
    return null;
  }
}

function choose(select: HTMLSelectElement, values: string[] | null): boolean {
  const options = [...select.options];
  const free = new Set(options.filter((option) => !option.matches(':disabled')).map(({ value }) => value));
  if (!values?.every((value) => free.has(value))) return false;
  if (select.multiple) for (const option of options) option.selected = values.includes(option.value);
  else put(select, 'value', values[0] ?? '');
  tell(select, 'insertReplacementText', null);
  return changed(select);
}

/** Writes into a text field or text area; the visitor's caret stays where it is in the text. */
function write(box: Box, text: string): boolean {
  if (box.maxLength >= 0 && text.length > box.maxLength) return false;
  const was = box.value;
  const splice = difference(was, text);
  if (!announced(box, splice.text)) return false;
  const active = activeIn(rootNodeOf(box)) === box;
  const [start, end] = active ? [box.selectionStart, box.selectionEnd] : [null, null];
  put(box, 'value', text);
  if (text && !box.value) {
    put(box, 'value', was); // no date, no number
    return false;
  }
  if (start !== null && end !== null) box.setSelectionRange(moved(start, splice), moved(end, splice));
  tell(box, 'insertReplacementText', splice.text);
  return true;
}

function rewrite(el: HTMLElement, text: string): boolean {
  const { from, to, text: data } = difference(plainText(el), text);
  if (!announced(el, data)) return false;
  editText(el, from, to, data);
  tell(el, 'insertReplacementText', data);
  return true;
}

const interfaces = { input: 'HTMLInputElement', textarea: 'HTMLTextAreaElement', select: 'HTMLSelectElement' } as const;

/** By the browser's own setter: a framework puts its own on the element, and takes what comes that way for its own doing. */
function put(field: Box | HTMLSelectElement, name: 'value' | 'checked', value: string | boolean): void {
  const { prototype } = (viewOf(field) as View)[interfaces[field.localName as 'input']];
  Object.getOwnPropertyDescriptor(prototype, name)?.set?.call(field, value);
}

/** Whether the page lets a text come; it may hold back what it has no use for. */
function announced(el: Element, data: string): boolean {
  const view = viewOf(el) as View;
  const what = { bubbles: true, cancelable: true, composed: true, inputType: 'insertReplacementText', data };
  return dispatch(el, new view.InputEvent('beforeinput', what));
}

function tell(el: Element, inputType: string, data: string | null): void {
  const view = viewOf(el) as View;
  dispatch(el, new view.InputEvent('input', { bubbles: true, composed: true, inputType, data }));
}

/** Says that a value is complete. */
export function changed(el: Element): true {
  const view = viewOf(el) as View;
  dispatch(el, new view.Event('change', { bubbles: true }));
  return true;
}

/** Says that a field was entered or left, unless the visitor is in it: then it hears that from the browser. */
export function visited(el: Element, on: boolean): void {
  const view = viewOf(el);
  if (!view || activeIn(rootNodeOf(el)) === el) return;
  for (const [type, bubbles] of on ? entering : leaving)
    dispatch(el, new view.FocusEvent(type, { bubbles, composed: true }));
}

const entering = [
  ['focus', false],
  ['focusin', true],
] as const;
const leaving = [
  ['blur', false],
  ['focusout', true],
] as const;
