// The two forms: a name before the chat, and a message when nobody is there.

import type { ButtonState, DepartmentView } from '../wire/payload.ts';
import { Limit } from '../wire/payload.ts';
import { h, say, set } from './dom.ts';
import type { Card } from './session.ts';
import type { ChatText, ChatTranslate } from './texts.ts';

type Control = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

/** A label, its control and the sentence that says what is wrong with it. */
class Field<C extends Control> {
  readonly element: HTMLElement;
  private readonly error: HTMLElement;

  constructor(
    private readonly t: ChatTranslate,
    label: ChatText,
    readonly control: C,
    private readonly need: ChatText | null,
    private readonly good: (value: string) => boolean = (value) => value !== '',
  ) {
    const id = `kohe-${control.name}`;
    this.error = h('p', { class: 'error', id: `${id}-error` });
    set(control, 'id', id);
    set(control, 'aria-describedby', `${id}-error`);
    set(control, 'aria-required', need ? 'true' : undefined);
    control.addEventListener('input', () => this.complain(false));
    this.element = h('div', { class: 'field' }, h('label', { for: id }, t(label)), control, this.error);
  }

  get value(): string {
    return this.control.value.trim();
  }

  /** Says what is missing; returns whether nothing is. */
  check(): boolean {
    const ok = !this.need || this.good(this.value);
    this.complain(!ok);
    return ok;
  }

  private complain(on: boolean): void {
    set(this.control, 'aria-invalid', on ? 'true' : undefined);
    say(this.error, on && this.need ? this.t(this.need) : '');
  }
}

/** Whether all fields are filled in; the first that is not gets the focus. */
function complete(fields: readonly Field<Control>[]): boolean {
  const wrong = fields.filter((field) => !field.check());
  wrong[0]?.control.focus();
  return wrong.length === 0;
}

/** Which department it is about; not shown where there is no choice. */
class Departments {
  readonly field: Field<HTMLSelectElement>;
  private drawn = '';

  constructor(
    t: ChatTranslate,
    name: string,
    private readonly preset: string,
  ) {
    this.field = new Field(t, 'department', h('select', { name }), null);
  }

  update(list: readonly DepartmentView[]): void {
    const { control, element } = this.field;
    element.hidden = list.length < 2;
    const text = JSON.stringify(list);
    if (text === this.drawn) return;
    this.drawn = text;
    control.replaceChildren(...list.map(({ id, name }) => h('option', { value: id }, name)));
    if (list.some(({ id }) => id === this.preset)) control.value = this.preset;
  }
}

function submitOn(form: HTMLFormElement, fields: readonly Field<Control>[], act: () => void): void {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (complete(fields)) act();
  });
}

export class StartForm {
  readonly element: HTMLFormElement;
  readonly first: HTMLInputElement;
  private readonly lead = h('p', { class: 'lead' });
  private readonly departments: Departments;
  private readonly instead: HTMLButtonElement;

  constructor(
    private readonly t: ChatTranslate,
    preset: { name: string; department: string },
    act: { start(name: string, department: string): void; card(): void },
  ) {
    this.first = h('input', { name: 'name', type: 'text', autocomplete: 'nickname', maxlength: Limit.name });
    this.first.value = preset.name;
    const name = new Field(t, 'name', this.first, 'need_name');
    this.departments = new Departments(t, 'department', preset.department);
    const { field } = this.departments;
    this.instead = h('button', { type: 'button', class: 'plain' }, t('leave_instead'));
    this.instead.addEventListener('click', () => act.card());
    this.element = h(
      'form',
      { class: 'form', novalidate: true },
      h('h3', {}, t('hello')),
      this.lead,
      name.element,
      field.element,
      h('button', { type: 'submit', class: 'primary' }, t('start')),
      this.instead,
    );
    submitOn(this.element, [name], () => act.start(name.value, field.element.hidden ? preset.department : field.value));
  }

  /** Fills in a name given before, where none is written yet. */
  named(name: string): void {
    this.first.value ||= name;
  }

  update(busy: boolean, waiting: number, departments: readonly DepartmentView[]): void {
    const queue = busy && waiting ? ` ${this.t('in_queue', { n: waiting })}` : '';
    say(this.lead, busy ? this.t('busy') + queue : this.t('free'));
    set(this.lead, 'data-tone', busy ? 'busy' : 'free');
    this.instead.hidden = !busy;
    this.departments.update(departments);
  }
}

/** An address with a name before the @ and a dot after it, or at least five digits. */
export const reachable = (contact: string): boolean =>
  /^\S+@\S+\.\S+$/.test(contact) || (/^[+\d\s()./-]+$/.test(contact) && contact.replace(/\D/g, '').length >= 5);

export class CardForm {
  readonly element: HTMLFormElement;
  readonly first: HTMLInputElement;
  private readonly lead = h('p', { class: 'lead', role: 'status' });
  private readonly departments: Departments;
  private readonly submit: HTMLButtonElement;
  private readonly chat: HTMLButtonElement;
  private readonly back: HTMLButtonElement;
  private readonly text: HTMLTextAreaElement;

  constructor(
    private readonly t: ChatTranslate,
    preset: { name: string; department: string },
    act: { leave(card: Omit<Card, 'id'>): void; wrote(): void; chat(card: Omit<Card, 'id'>): void; back(): void },
  ) {
    this.first = h('input', { name: 'card-name', type: 'text', autocomplete: 'name', maxlength: Limit.name });
    this.first.value = preset.name;
    this.text = h('textarea', { name: 'card-text', rows: 4, maxlength: Limit.text });
    const name = new Field(t, 'card_name', this.first, 'need_name');
    const contact = new Field(
      t,
      'contact',
      h('input', { name: 'card-contact', type: 'text', autocomplete: 'email', maxlength: Limit.title }),
      'need_contact',
      reachable,
    );
    const text = new Field(t, 'message', this.text, 'need_message');
    this.departments = new Departments(t, 'card-department', preset.department);
    const { field } = this.departments;
    this.submit = h('button', { type: 'submit', class: 'primary' });
    this.chat = h('button', { type: 'button', class: 'secondary' }, t('chat_instead'));
    this.back = h('button', { type: 'button', class: 'plain' }, t('back'));
    this.back.addEventListener('click', () => act.back());
    this.element = h(
      'form',
      { class: 'form', novalidate: true },
      h('h3', {}, t('card_title')),
      this.lead,
      this.chat,
      name.element,
      contact.element,
      field.element,
      text.element,
      this.submit,
      this.back,
    );
    const written = (): Omit<Card, 'id'> => ({
      name: name.value,
      contact: contact.value,
      text: text.value,
      department: field.element.hidden ? preset.department : field.value,
    });
    this.element.addEventListener('input', () => act.wrote());
    this.chat.addEventListener('click', () => act.chat(written()));
    submitOn(this.element, [name, contact, text], () => act.leave(written()));
  }

  /** Fills in a name given before, where none is written yet. */
  named(name: string): void {
    this.first.value ||= name;
  }

  /** The text that would be sent, taken out of the form: it goes on in a chat. */
  take(): string {
    const { value } = this.text;
    this.clear();
    return value.trim();
  }

  /** Fills in a text written elsewhere, where none is written yet. */
  write(text: string): void {
    this.text.value ||= text.slice(0, Limit.text);
  }

  /** state: what the button says; somebody who is free can be had instead. */
  update(state: ButtonState, sending: boolean, departments: readonly DepartmentView[]): void {
    const free = state === 'open' && !sending;
    say(this.lead, this.t(free ? 'free' : state === 'closed' ? 'card_closed' : 'card_open'));
    set(this.lead, 'data-tone', free && 'free');
    this.chat.hidden = !free;
    say(this.submit, this.t(sending ? 'card_sending' : 'card_send'));
    this.submit.disabled = sending;
    this.back.hidden = state !== 'busy' || sending;
    this.departments.update(departments);
  }

  /** Called when the node has the message. */
  clear(): void {
    this.text.value = '';
  }
}
