// The tools above the mirror: what the agent does on the visitor's page.

import type { Signal } from '@preact/signals';
import type { Level, Session } from '../wire/payload.ts';
import type { Store } from './store.ts';
import { Segments, useStore } from './ui.tsx';

export type Tool = 'look' | 'point' | 'fill' | 'click';

const tools: readonly Tool[] = ['look', 'point', 'fill', 'click'];

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
export function allowed(store: Store, session: Session, level: Level): boolean {
  if (session.granted?.includes(level)) return true;
  if (session.refused?.includes(level)) store.tell('tool.refused', { name: session.name });
  else store.askLevel(session, level);
  return false;
}
