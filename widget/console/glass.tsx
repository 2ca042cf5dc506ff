// A sheet of glass over the mirror, while a tool other than looking is chosen:
// the page under it is pointed at, filled in or clicked. What the visitor has
// not allowed yet is asked for when it is first needed.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Level, Session } from '../wire/payload.ts';
import type { Mirror, Spot } from './edge.ts';
import { type Editing, Editor } from './editor.tsx';
import type { Store } from './store.ts';
import { allowed, type Tool } from './tools.tsx';
import { useStore } from './ui.tsx';

const handPause = 1000 / 30; // ms between two records that say where the agent points

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
