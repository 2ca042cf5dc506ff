// The tools above the mirror: what the agent does on the visitor's page. Each
// shows whether the visitor allows it.

import { useEffect } from 'preact/hooks';
import type { Level, Session } from '../wire/payload.ts';
import { Icon, type IconName } from './icons.tsx';
import { toolKeys } from './shortcuts.ts';
import type { Store } from './store.ts';
import { useStore } from './ui.tsx';

export type Tool = 'look' | 'inspect' | 'point' | 'arrow' | 'box' | 'pen' | 'scroll' | 'fill' | 'click';

/** In the order in which they stand there: what each needs of the visitor, and its icon. */
const tools: Record<Tool, { level: Level | null; icon: IconName }> = {
  look: { level: null, icon: 'eye' },
  inspect: { level: null, icon: 'inspect' },
  point: { level: 'point', icon: 'hand' },
  arrow: { level: 'draw', icon: 'arrow' },
  box: { level: 'draw', icon: 'box' },
  pen: { level: 'draw', icon: 'pen' },
  scroll: { level: 'scroll', icon: 'bring' },
  fill: { level: 'fill', icon: 'typing' },
  click: { level: 'click', icon: 'cursor' },
};

export const levelOf = (tool: Tool): Level | null => tools[tool].level;
export const draws = (tool: Tool): tool is 'arrow' | 'box' | 'pen' => levelOf(tool) === 'draw';

/** Lets the tools be used on a session's page while it is shown; a colleague's page only pointed and drawn on. */
export function useTools(store: Store, session: Session, shown: boolean): void {
  const without = store.me.value?.sites.find(({ id }) => id === session.site)?.without ?? [];
  const mine = store.isMine(session);
  const may = (tool: Tool): boolean => {
    const level = levelOf(tool);
    if (level === null) return true;
    const shows = level === 'point' || level === 'draw';
    return !without.includes(level) && (mine || (shows && (session.granted?.includes(level) ?? false)));
  };
  const usable = shown ? (Object.keys(tools) as Tool[]).filter(may) : [];
  useEffect(() => {
    store.tools.value = usable;
    if (shown && !usable.includes(store.tool.value)) store.tool.value = 'look'; // a page load takes no tool away
  }, [usable.join()]);
  useEffect(
    () => () => {
      store.tools.value = [];
      store.tool.value = 'look';
      store.follows.value = true;
    },
    [],
  );
}

/** Takes a tool up, if it can be used now; the visitor is asked for what it needs. */
export function choose(store: Store, tool: Tool): void {
  const session = store.selected.value;
  if (!session || !store.tools.value.includes(tool)) return;
  store.tool.value = tool;
  const level = levelOf(tool);
  if (level) allowed(store, session, level);
}

/** Whether the visitor lets the agent; if they have not been asked yet they are. */
export function allowed(store: Store, session: Session, level: Level): boolean {
  if (session.granted?.includes(level)) return true;
  if (session.refused?.includes(level)) store.tell('tool.refused', { name: session.name });
  else store.askLevel(session, level);
  return false;
}

export function Tools({ session }: { session: Session }) {
  const store = useStore();
  return (
    <fieldset class="segments tools">
      <legend class="sr-only">{store.t.value('tool.label')}</legend>
      {store.tools.value.map((tool) => (
        <ToolButton key={tool} tool={tool} session={session} />
      ))}
    </fieldset>
  );
}

function ToolButton({ tool, session }: { tool: Tool; session: Session }) {
  const store = useStore();
  const t = store.t.value;
  const { icon, level } = tools[tool];
  const state = level && stateOf(session, level);
  const key = store.parts.settings.singleKeys.value ? toolKeys[tool].toUpperCase() : '';
  const about = [t(`tool.${tool}`), key, state ? t(`tool.is.${state}`) : ''].filter(Boolean).join(' · ');
  return (
    <label class={`segment tool ${state ? `tool-${state}` : ''}`}>
      <input
        type="radio"
        name="page-tool"
        value={tool}
        title={about}
        checked={store.tool.value === tool}
        onClick={() => choose(store, tool)}
      />
      <span class="segment-face">
        <Icon name={icon} />
        <span class="sr-only">{t(`tool.${tool}`)}</span>
        {state === 'allowed' && <Mark icon="check" />}
        {state === 'refused' && <Mark icon="close" />}
      </span>
    </label>
  );
}

function Mark({ icon }: { icon: IconName }) {
  return (
    <span class="tool-mark">
      <Icon name={icon} />
    </span>
  );
}

function stateOf({ granted, refused }: Session, level: Level): 'allowed' | 'refused' | 'asks' {
  if (granted?.includes(level)) return 'allowed';
  return refused?.includes(level) ? 'refused' : 'asks';
}
