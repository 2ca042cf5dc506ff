// A field over one of the visitor's in the mirror: what is typed into it goes
// into theirs as it is typed.

import { useEffect, useRef } from 'preact/hooks';
import type { Session } from '../wire/payload.ts';
import type { Spot } from './edge.ts';
import { useStore } from './ui.tsx';

export interface Editing {
  spot: Spot;
  kind: 'text' | 'area' | 'choice';
}

/** A field over the visitor's own, whose text goes there as it is typed. */
export function Editor({ editing, session, onDone }: { editing: Editing; session: Session; onDone: () => void }) {
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
