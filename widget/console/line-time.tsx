// When a line came.

import { timeOfDay } from './time.ts';
import { useStore } from './ui.tsx';

/** When something was said; with a recording, the way there. */
export function Time({ at, onMoment }: { at: number; onMoment?: (at: number) => void }) {
  const store = useStore();
  const text = timeOfDay(at, store.parts.settings.language.value);
  const time = <time dateTime={new Date(at).toISOString()}>{text}</time>;
  if (!onMoment) return time;
  const label = store.t.value('replay.jump');
  return (
    <button
      type="button"
      class="link-button moment"
      title={label}
      aria-label={`${text} · ${label}`}
      onClick={() => onMoment(at)}
    >
      {time}
    </button>
  );
}
