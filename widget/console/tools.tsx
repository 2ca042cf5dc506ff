// What the agent does on the visitor's page: a tool is chosen above the mirror,
// and the page under a sheet of glass is pointed at, filled in or clicked. What
// the visitor has not allowed yet is asked for when it is first needed.

import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Level, Session } from '../wire/payload.ts';
import type { Mirror, Spot } from './edge.ts';
import type { Store } from './store.ts';
import { Segments, useStore } from './ui.tsx';

export type Tool = 'look' | 'point' | 'fill' | 'click';

const tools: readonly Tool[] = ['look', 'point', 'fill', 'click'];
const handPause = 1000 / 30; // ms between two records that say where the agent points

export function Tools({ tool, session }: { tool: Signal<Tool>; session: Session }) {
  const store = useStore();
  const t = store.t.value;
  const without = store.me.value?.sites.find(({ id }) => id === session.site)?.without ?? [];
  return (
    <Segments
      label={t('tool.label')}
      name="page-tool"
      value={tool.value}
      options={tools
        .filter((one) => one === 'look' || !without.includes(one))
        .map((one) => ({ value: one, label: t(`tool.${one}`) }))}
      onChoose={(one) => {
        tool.value = one;
        if (one !== 'look') allowed(store, session, one);
      }}
    />
  );
}

/** Whether the visitor lets the agent; if they have not been asked yet they are. */
function allowed(store: Store, session: Session, level: Level): boolean {
  if (session.granted?.includes(level)) return true;
  if (session.refused?.includes(level)) store.tell('tool.refused', { name: session.name });
  else store.askLevel(session, level);
  return false;
}

interface Editing {
  spot: Spot;
  kind: 'text' | 'area' | 'choice';
}

interface GlassProps {
  tool: Tool;
  session: Session;
  mirror: Mirror;
  scroll: (x: number, y: number) => void;
}

/** Lies over the mirror while a tool other than looking is chosen. */
export function Glass({ tool, session, mirror, scroll }: GlassProps) {
  const store = useStore();
  const hand = useHand(store, session.id, mirror);
  const editing = useSignal<Editing | null>(null);
  const granted = session.granted?.includes(tool as Level);
  useEffect(() => {
    mirror.reach(true);
    return () => mirror.reach(false);
  }, [mirror]);

  const press = (event: MouseEvent): void => {
    const spot = mirror.at(event.clientX, event.clientY);
    if (tool === 'look' || !spot || !allowed(store, session, tool)) return;
    const act = { session: session.id, node: spot.node };
    if (tool !== 'fill') store.act({ ...act, do: tool });
    else {
      const field = spot.element.closest<HTMLElement>('input, textarea, select, [contenteditable]');
      const box = field as HTMLInputElement | null;
      if (box && /^(?:checkbox|radio)$/.test(box.type)) {
        store.act({ ...act, do: 'fill', text: box.checked && box.type === 'checkbox' ? 'off' : 'on' });
      } else if (field) {
        const kind = field.localName === 'select' ? 'choice' : field.localName === 'input' ? 'text' : 'area';
        editing.value = { spot, kind };
      }
    }
  };
  return (
    <>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: what is pointed at is a place; fields are filled in by the keyboard */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: as above */}
      <div
        class={`glass glass-${tool} ${granted ? '' : 'glass-asks'}`}
        onPointerMove={(event) => hand.move(event)}
        onPointerLeave={() => hand.away()}
        onClick={press}
        onWheel={(event) => scroll(event.deltaX, event.deltaY)}
      />
      {tool === 'fill' && editing.value && granted && (
        <Editor editing={editing.value} session={session} onDone={() => (editing.value = null)} />
      )}
    </>
  );
}

/** A field over the visitor's own, whose text goes there as it is typed. */
function Editor({ editing, session, onDone }: { editing: Editing; session: Session; onDone: () => void }) {
  const store = useStore();
  const field = useRef<HTMLElement>(null);
  const { spot, kind } = editing;
  const own = spot.element as HTMLInputElement;
  useEffect(() => field.current?.focus(), [spot.node]);
  const { left, top, width, height } = spot.box;
  const props = {
    class: 'mirror-editor',
    style: {
      left: `${left}px`,
      top: `${top}px`,
      width: `${Math.max(width, 120)}px`,
      height: `${Math.max(height, 28)}px`,
    },
    'aria-label': store.t.value('tool.value', { name: own.getAttribute('aria-label') || own.name || session.name }),
    onInput: (event: Event) => {
      const { value } = event.currentTarget as HTMLInputElement;
      store.act({ session: session.id, node: spot.node, do: 'fill', text: value });
    },
    onBlur: onDone,
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key === 'Escape' || (event.key === 'Enter' && kind !== 'area')) onDone();
    },
  };
  if (kind === 'choice') {
    const options = [...(spot.element as unknown as HTMLSelectElement).options];
    return (
      <select ref={field as never} {...props} defaultValue={own.value}>
        {options.map((option) => (
          <option key={option.index} value={option.value} selected={option.value === own.value}>
            {option.text}
          </option>
        ))}
      </select>
    );
  }
  const text = kind === 'text' || spot.element.localName === 'textarea' ? own.value : (own.textContent ?? '');
  return kind === 'area' ? (
    <textarea ref={field as never} {...props} defaultValue={text} />
  ) : (
    <input ref={field as never} {...props} defaultValue={text} />
  );
}

/** Tells where the agent points, at most so often; the newest place wins. */
function useHand(store: Store, session: string, mirror: Mirror) {
  const last = useRef({ at: 0, timer: 0 as unknown as ReturnType<typeof setTimeout> });
  const send = (spot: Spot | null, pressed: boolean): void => {
    last.current.at = Date.now();
    store.hand(session, record(spot?.node ?? 0, spot?.x ?? 0, spot?.y ?? 0, pressed ? 1 : 0));
  };
  useEffect(
    () => () => {
      clearTimeout(last.current.timer);
      send(null, false);
    },
    [session, mirror],
  );
  return {
    move(event: PointerEvent): void {
      const { clientX, clientY, buttons } = event;
      clearTimeout(last.current.timer);
      const wait = last.current.at + handPause - Date.now();
      last.current.timer = setTimeout(() => send(mirror.at(clientX, clientY), buttons > 0), Math.max(0, wait));
    },
    away(): void {
      clearTimeout(last.current.timer);
      send(null, false);
    },
  };
}

/** Writes unsigned varints (LEB128). */
function record(...numbers: number[]): Uint8Array {
  const bytes: number[] = [];
  for (let n of numbers) {
    for (; n > 0x7f; n = Math.floor(n / 0x80)) bytes.push((n & 0x7f) | 0x80);
    bytes.push(n);
  }
  return new Uint8Array(bytes);
}
