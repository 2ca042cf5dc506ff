// A field over one of the visitor's in the mirror: what is typed into it goes
// into theirs as it is typed, and what they type appears in it.

import { useLayoutEffect, useRef } from 'preact/hooks';
import { contentOf, type FieldKind, kindOf } from '../guide/fields.ts';
import { difference, moved } from '../guide/splice.ts';
import { screenBox } from '../mirror/box.ts';
import { idOf } from '../mirror/nodes.ts';
import { closest, isConnected } from '../native.ts';
import type { Acted, Session } from '../wire/payload.ts';
import { Coauthor } from './coauthor.ts';
import type { Mirror } from './edge.ts';
import type { Store } from './store.ts';
import { useStore } from './ui.tsx';

const pause = 60; // ms between two texts on their way: the edge takes some 20 frames a second
const mostOptions = 1000; // of a list; a page may have any number
const types = [
  'date',
  'time',
  'month',
  'week',
  'datetime-local',
  'number',
  'range',
  'color',
  'email',
  'tel',
  'url',
] as const;

export interface Editing {
  element: Element;
  node: number;
  kind: Exclude<FieldKind, 'tick'>;
  heard: Heard;
}

/** Is told what became of what was filled in. */
type Heard = (acted: Pick<Acted, 'why' | 'now'>) => void;

/** A press on the page with the tool that fills in: a box is ticked at once, another field is opened. */
export function press(store: Store, session: Session, at: Element, heard: Heard): Editing | null {
  const label = closest(at, 'label') as HTMLLabelElement | null;
  const element = closest(at, 'input, textarea, select, [contenteditable]') ?? label?.control ?? null;
  const node = idOf(element);
  const kind = element && kindOf(element);
  if (!element || !node || !kind) return null;
  if (kind !== 'tick') return { element, node, kind, heard };
  const { checked, type } = element as HTMLInputElement;
  const text = checked && type === 'checkbox' ? 'off' : 'on';
  store.act({ session: session.id, node, do: 'fill', text, done: true }, heard);
  return null;
}

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

interface EditorProps {
  editing: Editing;
  session: Session;
  mirror: Mirror;
  onDone: () => void;
}

/** A field over the visitor's own. */
export function Editor({ editing, session, mirror, onDone }: EditorProps) {
  const store = useStore();
  const field = useRef<Field>(null);
  const { element, kind } = editing;
  const typed = useCoauthor(store, session.id, editing, mirror, field, onDone);
  useLayoutEffect(() => {
    const { activeElement } = document;
    field.current?.focus();
    return () => (activeElement as HTMLElement | null)?.focus({ preventScroll: true });
  }, [editing.node]);
  const own = element as HTMLInputElement;
  const props = {
    ref: field as never,
    class: 'mirror-editor',
    'aria-label': store.t.value('tool.value', { name: nameOf(own) || session.name }),
    onInput: typed,
    onBlur: onDone,
    onKeyDown: (event: KeyboardEvent) => {
      const area = event.currentTarget instanceof HTMLTextAreaElement;
      if (event.key === 'Escape' || (event.key === 'Enter' && !area && !event.isComposing)) onDone();
    },
  };
  if (kind === 'choice' || kind === 'choices') {
    const options = [...(element as HTMLSelectElement).options].slice(0, mostOptions);
    return (
      <select {...props} multiple={kind === 'choices'}>
        {options.map((option) => (
          <option key={option.index} value={option.value} disabled={option.disabled} selected={option.selected}>
            {option.text}
          </option>
        ))}
      </select>
    );
  }
  const text = contentOf(element, kind);
  if (kind === 'rich' || element.localName === 'textarea') return <textarea {...props} defaultValue={text} />;
  const type = types.find((one) => one === own.type) ?? 'text';
  const { min, max, step } = own;
  const kept = { type, min, max, step } as object; // which types take which is the browser's to know
  const most = own.maxLength >= 0 ? { maxLength: own.maxLength } : {};
  return <input {...props} {...kept} {...most} autocomplete="off" defaultValue={text} />;
}

/** What a field is called, for who does not see where the editor is. */
function nameOf(field: HTMLInputElement): string {
  return field.getAttribute('aria-label') ?? field.labels?.[0]?.textContent?.trim() ?? field.getAttribute('name') ?? '';
}

/** Keeps a field on the agent's screen and the visitor's alike. Returns what to call when the agent has typed. */
function useCoauthor(
  store: Store,
  session: string,
  { element, node, kind, heard }: Editing,
  mirror: Mirror,
  field: { current: Field | null },
  onDone: () => void,
): () => void {
  const draft = useRef<Coauthor>(null);
  const sentAt = useRef(0);
  useLayoutEffect(() => {
    // Before the first key.
    const coauthor = new Coauthor(contentOf(element, kind), kind !== 'text' && kind !== 'rich');
    draft.current = coauthor;
    const fill = { session, node, do: 'fill' } as const;
    let barred = false; // the edge lets nobody fill it in
    let frame = 0;
    const step = (now: number): void => {
      const box = field.current;
      if (!box || !isConnected(element) || !kindOf(element)) {
        onDone();
        return;
      }
      frame = requestAnimationFrame(step);
      place(box, screenBox(mirror.view(), element));
      coauthor.shown(contentOf(element, kind), now);
      show(box, kind, coauthor.text);
      const next = now > sentAt.current + pause ? coauthor.next(now) : null;
      if (!next) return;
      sentAt.current = now;
      store.act({ ...fill, ...next }, (acted) => {
        heard(acted);
        if (acted.why === 'hidden') {
          barred = true;
          onDone();
          return;
        }
        coauthor.acted(acted, performance.now());
        // Before another key: it is added to what the box shows, and what is missing there would count as taken out.
        if (field.current) show(field.current, kind, coauthor.text);
      });
    };
    frame = requestAnimationFrame(step);
    return () => {
      cancelAnimationFrame(frame);
      if (!barred) store.act({ ...fill, ...coauthor.last(), done: true });
    };
  }, [session, node]);
  return () => {
    if (draft.current && field.current) draft.current.text = contentOf(field.current, kind === 'rich' ? 'text' : kind);
  };
}

/** Shows a text that has become another one under the agent's hands; the caret stays where it is in it. */
function show(field: Field, kind: FieldKind, text: string): void {
  const was = contentOf(field, kind === 'rich' ? 'text' : kind);
  if (was === text) return;
  if (kind === 'choices') {
    const values = new Set(JSON.parse(text) as string[]);
    for (const option of (field as HTMLSelectElement).options) option.selected = values.has(option.value);
    return;
  }
  const { selectionStart: start = null, selectionEnd: end = null } = field as HTMLInputElement;
  field.value = text;
  const splice = difference(was, text);
  if (start !== null && end !== null)
    (field as HTMLInputElement).setSelectionRange(moved(start, splice), moved(end, splice));
}

function place({ style }: HTMLElement, { left, top, width, height }: DOMRect): void {
  const put = (name: 'left' | 'top' | 'width' | 'height', n: number): void => {
    const value = `${Math.round(n)}px`;
    if (style[name] !== value) style[name] = value;
  };
  put('left', left);
  put('top', top);
  put('width', Math.max(width, 120));
  put('height', Math.max(height, 28));
}
