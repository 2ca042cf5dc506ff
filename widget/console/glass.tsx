// A sheet of glass over the mirror, while a tool other than looking is chosen:
// the page under it is pointed at, drawn on, filled in or clicked, with a pointer
// or with the keys. What the visitor has not allowed yet is asked for when it is
// first needed.

import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Held } from '../guide/record.ts';
import { type Point, pathOf } from '../guide/shapes.ts';
import type { Acted, Session } from '../wire/payload.ts';
import type { Mirror } from './edge.ts';
import { type Editing, Editor, press as pressField } from './editor.tsx';
import { GlassNote, useNote } from './glass-note.tsx';
import { useHand } from './hand.ts';
import type { Hidden } from './hidden.ts';
import { drawingOf, isStroke, unmasked } from './ink.ts';
import { allowed, draws, levelOf, type Tool } from './tools.tsx';
import { useStore } from './ui.tsx';

const pointsMost = 2_000; // of a stroke, while it is drawn
const trailMost = 25; // points of the light that follows a pressed button
const nudge = 8; // px that an arrow key moves the pointer; with Shift five times as far
const clickWithin = 5; // px that a click may move
const triesMost = 4; // elements, one around the other, that a drawing is tried on

interface GlassProps {
  tool: Exclude<Tool, 'look' | 'inspect'>;
  session: Session;
  mirror: Mirror;
  hidden: Hidden;
  stay: Signal<boolean>;
  onWheel: (event: WheelEvent) => void;
}

/** Lies over the mirror while a tool other than looking is chosen. */
export function Glass({ tool, session, mirror, hidden, stay, onWheel }: GlassProps) {
  const store = useStore();
  const t = store.t.value;
  const hand = useHand(store, session.id);
  const editing = useSignal<Editing | null>(null);
  const stroke = useSignal<readonly Point[] | null>(null);
  const cross = useSignal<Point | null>(null); // where the keys point
  const glass = useRef<HTMLDivElement>(null);
  const from = useRef<Point | null>(null); // where a button was pressed
  const level = levelOf(tool) ?? 'point';
  const granted = session.granted?.includes(level) ?? false;
  const note = useNote();
  const held = draws(tool) ? Held[tool] : Held.button;
  useEffect(() => {
    mirror.reach(true);
    return () => mirror.reach(false);
  }, [mirror]);

  const point = (x: number, y: number): void =>
    hand.point(unmasked(mirror, mirror.at(x, y), hidden), from.current && granted ? held : Held.nothing);

  const start = (x: number, y: number): void => {
    note.hide();
    if (!draws(tool)) {
      from.current = [x, y];
      if (tool === 'point' && granted) {
        stroke.value = [[x, y]];
        point(x, y);
      }
    } else if (allowed(store, session, level) || !session.refused?.includes(level)) {
      from.current = [x, y];
      stroke.value = [[x, y]];
      point(x, y);
    }
  };
  const move = (x: number, y: number): void => {
    const points = stroke.value?.slice(draws(tool) ? 0 : 1 - trailMost);
    if (points && points.length < pointsMost) stroke.value = [...points, [x, y]];
    point(x, y);
  };
  const finish = (x: number, y: number): void => {
    const [drawn, began] = [stroke.value, from.current];
    stroke.value = from.current = null;
    point(x, y);
    if (draws(tool) && drawn) {
      if (isStroke(drawn)) draw(tool, drawn, [x, y]);
    } else if (began && Math.hypot(x - began[0], y - began[1]) <= clickWithin) press(x, y);
  };
  const cancel = (): void => {
    stroke.value = from.current = null;
  };

  /** What the edge forbids because it is masked belongs to what is around it. */
  const draw = (shape: 'arrow' | 'box' | 'pen', drawn: readonly Point[], at: Point, tries = triesMost): void => {
    const found = tries > 0 ? drawingOf(mirror, shape, drawn, hidden) : null;
    if (!found) {
      note.show(t('tool.hidden'), at);
      return;
    }
    if (!granted) note.show(t('draw.waits', { name: session.name }), at);
    store.drawings.draw(session, { ...found.draw, stay: stay.value }, (code) => {
      if (code !== 'forbidden' || !store.may(session.id, level)) store.tellError({ code });
      else {
        hidden.refuse(found.element);
        draw(shape, drawn, at, tries - 1);
      }
    });
  };

  const press = (x: number, y: number): void => {
    note.hide();
    const at = mirror.at(x, y);
    const shows = tool === 'point' || tool === 'scroll';
    const spot = shows ? unmasked(mirror, at, hidden) : at;
    if (!at || draws(tool) || !store.isMine(session) || !allowed(store, session, level)) return;
    const barred = (): void => note.show(t(tool === 'fill' ? 'tool.hiddenField' : 'tool.hidden'), [x, y]);
    const heard = ({ why }: Pick<Acted, 'why'>): void => {
      if (why !== 'hidden') return;
      hidden.refuse(at.element);
      barred();
    };
    if (!spot || hidden.has(spot.element)) barred();
    else if (tool === 'fill') editing.value = pressField(store, session, spot.element, heard);
    else store.act({ session: session.id, node: spot.node, do: tool }, heard);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const box = glass.current?.getBoundingClientRect();
    if (!box || event.ctrlKey || event.metaKey || event.altKey) return;
    const [x, y] = cross.value ?? [box.left + box.width / 2, box.top + box.height / 2];
    const by = event.shiftKey ? 5 * nudge : nudge;
    const ways: Record<string, Point> = {
      ArrowLeft: [-by, 0],
      ArrowRight: [by, 0],
      ArrowUp: [0, -by],
      ArrowDown: [0, by],
    };
    const way = ways[event.key];
    if (way) {
      cross.value = [clamp(x + way[0], box.left, box.right), clamp(y + way[1], box.top, box.bottom)];
      move(...cross.value);
    } else if (event.key === ' ') {
      cross.value = [x, y];
      if (from.current) finish(x, y);
      else start(x, y);
    } else if (event.key === 'Enter' && !draws(tool)) press(x, y);
    else if (event.key === 'Escape' && from.current) cancel();
    else return;
    event.preventDefault();
  };
  const moved = ([x, y]: Point) => {
    const { left = 0, top = 0 } = glass.current?.getBoundingClientRect() ?? {};
    return { transform: `translate(${x - left}px, ${y - top}px)` };
  };
  const shown = stroke.value ? pathOf(draws(tool) ? tool : 'pen', stroke.value) : '';
  return (
    <>
      <div
        class={`glass glass-${tool} ${granted ? '' : 'glass-asks'}`}
        ref={glass}
        role="application"
        aria-label={t('glass.label', { tool: t(`tool.${tool}`) })}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a pointer is moved over it by arrow keys
        tabIndex={0}
        onKeyDown={onKeyDown}
        onBlur={() => {
          cross.value = null;
        }}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          cross.value = null;
          start(event.clientX, event.clientY);
        }}
        onPointerMove={(event) => move(event.clientX, event.clientY)}
        onPointerUp={(event) => finish(event.clientX, event.clientY)}
        onPointerCancel={cancel}
        onPointerLeave={() => hand.away()}
        onWheel={onWheel}
      />
      {shown && (
        <svg
          class={`glass-stroke ${draws(tool) ? 'ink' : 'trail'}`}
          data-colour="0"
          aria-hidden="true"
          style={moved([0, 0])}
        >
          <path d={shown} />
          <path d={shown} />
        </svg>
      )}
      <GlassNote note={note} glass={glass} />
      {cross.value && <span class="glass-cross" style={moved(cross.value)} />}
      {tool === 'fill' && editing.value && granted && (
        <Editor editing={editing.value} session={session} mirror={mirror} onDone={() => (editing.value = null)} />
      )}
    </>
  );
}

const clamp = (n: number, least: number, most: number): number => Math.min(most, Math.max(least, n));
