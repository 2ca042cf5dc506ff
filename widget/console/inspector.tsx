// Looking at the page's elements one by one: what this button says, whether it
// can be pressed, what is wrong with this field. By pointer, or by the arrow keys
// from one control to the next. The visitor notices nothing of it, until Enter
// fills in or clicks what is looked at: who has no pointer has that way.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { kindOf } from '../guide/fields.ts';
import { screenBox } from '../mirror/box.ts';
import { idOf } from '../mirror/nodes.ts';
import { all, bringIntoView, isConnected, isVisible } from '../native.ts';
import type { Session } from '../wire/payload.ts';
import { type Description, describe, pressable } from './describe.ts';
import type { Mirror } from './edge.ts';
import { type Editing, Editor, press } from './editor.tsx';
import type { Hidden } from './hidden.ts';
import type { Store } from './store.ts';
import { allowed } from './tools.tsx';
import { useStore } from './ui.tsx';

const gap = 8; // px between an element and what is said of it
const mostControls = 2_000; // that the arrow keys go through

interface Props {
  mirror: Mirror;
  session: Session;
  hidden: Hidden;
  onWheel: (event: WheelEvent) => void;
}

export function Inspector({ mirror, session, hidden, onWheel }: Props) {
  const store = useStore();
  const { t } = store;
  const editing = useSignal<Editing | null>(null);
  const seen = useSignal<Description | null>(null);
  const pinned = useSignal(false);
  const sheet = useRef<HTMLDivElement>(null);
  useEffect(() => {
    mirror.reach(true);
    return () => mirror.reach(false);
  }, [mirror]);
  const look = (event: MouseEvent) => {
    const spot = mirror.at(event.clientX, event.clientY);
    seen.value = spot && describe(spot.element);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (event.key === 'Escape') seen.value = null;
    if (event.key === 'Enter' && seen.value) {
      event.preventDefault();
      editing.value = act(store, session, seen.value.element, hidden);
    }
    if (!step) return;
    event.preventDefault();
    const next = neighbour(mirror, seen.value?.element ?? null, step);
    if (next) bringIntoView(next, { block: 'nearest' });
    seen.value = next && describe(next);
    pinned.value = true;
  };
  return (
    <>
      <div
        class="glass glass-inspect"
        ref={sheet}
        role="application"
        aria-label={t.value('inspect.label', { name: session.name })}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys go from control to control
        tabIndex={0}
        onPointerMove={(event) => !pinned.value && look(event)}
        onPointerLeave={() => {
          if (!pinned.value) seen.value = null;
        }}
        onClick={(event) => {
          look(event);
          pinned.value = seen.value !== null;
        }}
        onKeyDown={onKeyDown}
        onWheel={onWheel}
      />
      {editing.value && session.granted?.includes('fill') && (
        <Editor editing={editing.value} session={session} mirror={mirror} onDone={() => (editing.value = null)} />
      )}
      {seen.value ? <Said seen={seen.value} mirror={mirror} /> : <p class="inspect-hint">{t.value('inspect.hint')}</p>}
    </>
  );
}

/** Fills in a field, or clicks what is none; asks the visitor first, if they have not been asked. */
function act(store: Store, session: Session, element: Element, hidden: Hidden): Editing | null {
  const barred = (): void => store.tell('tool.hiddenField');
  if (hidden.has(element)) {
    barred();
    return null;
  }
  const field = kindOf(element) !== null;
  if (!store.isMine(session) || !allowed(store, session, field ? 'fill' : 'click')) return null;
  if (field) return press(store, session, element, ({ why }) => why === 'hidden' && barred());
  store.act({ session: session.id, node: idOf(element), do: 'click' });
  return null;
}

/** The control before or after one, in the page's order; the first or last one if there is none. */
function neighbour(mirror: Mirror, from: Element | null, step: number): Element | null {
  const doc = mirror.view().contentDocument;
  const controls = doc ? [...all(doc, pressable)].slice(0, mostControls) : [];
  const shown = controls.filter((el) => isVisible(el));
  const at = shown.indexOf(from as Element);
  return shown[at < 0 ? (step > 0 ? 0 : shown.length - 1) : (at + step + shown.length) % shown.length] ?? null;
}

function Said({ seen, mirror }: { seen: Description; mirror: Mirror }) {
  const { t } = useStore();
  const frame = useRef<HTMLDivElement>(null);
  const card = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let step = 0;
    const follow = () => {
      place(frame.current, card.current, seen.element, screenBox(mirror.view(), seen.element));
      step = requestAnimationFrame(follow);
    };
    follow();
    return () => cancelAnimationFrame(step);
  }, [seen]);
  const { role, name, text, traits, problem, leads } = seen;
  return (
    <>
      <div class="inspect-frame" ref={frame} aria-hidden="true" />
      <div class="inspect-card" ref={card} role="status">
        <p class="inspect-role">
          {role}
          {traits.map((trait) => (
            <span key={trait} class={`inspect-trait inspect-${trait}`}>
              {t.value(`inspect.${trait}`)}
            </span>
          ))}
        </p>
        {name && <p class="inspect-name">{name}</p>}
        {text && text !== name && <p>{text}</p>}
        {problem && <p class="inspect-problem">{problem}</p>}
        {leads && (
          <p class="inspect-leads">
            {t.value('inspect.leads')} <bdi>{leads}</bdi>
          </p>
        )}
      </div>
    </>
  );
}

/** The frame around the element, what is said of it below, or above where there is no room. */
function place(frame: HTMLElement | null, card: HTMLElement | null, element: Element, box: DOMRect): void {
  if (!frame || !card) return;
  frame.hidden = !isConnected(element);
  frame.style.cssText = `left:${box.left}px;top:${box.top}px;width:${box.width}px;height:${box.height}px`;
  const { offsetWidth, offsetHeight } = card;
  const left = Math.max(gap, Math.min(box.left, innerWidth - offsetWidth - gap));
  const under = box.bottom + gap;
  const top = under + offsetHeight < innerHeight ? under : Math.max(gap, box.top - offsetHeight - gap);
  card.style.cssText = `left:${left}px;top:${top}px`;
}
