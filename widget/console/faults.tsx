// What goes wrong on the visitor's page, below the mirror: errors of its scripts
// and requests that failed. All of it comes from the visitor's browser and is
// only ever text.

import { useSignal } from '@preact/signals';
import type { Fault, Session } from '../wire/payload.ts';
import { Icon } from './icons.tsx';
import { shortAddress } from './text.ts';
import { timeOfDay } from './time.ts';
import { useStore } from './ui.tsx';

export function Faults({ session }: { session: Session }) {
  const store = useStore();
  const t = store.t.value;
  const open = useSignal(false);
  const faults = store.faults.value.get(session.id) ?? [];
  if (faults.length === 0) return null;
  const language = store.parts.settings.language.value;
  return (
    <section class="faults" aria-label={t('faults.label')}>
      <button
        type="button"
        class="faults-button"
        aria-expanded={open.value}
        onClick={() => {
          open.value = !open.value;
        }}
      >
        <Icon name="alert" />
        <span aria-live="polite">{t('faults.count', { n: faults.length })}</span>
        <Icon name="down" />
      </button>
      {open.value && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scroller must be reachable by keyboard
        <ol class="faults-list" tabIndex={0} aria-label={t('faults.label')}>
          {faults.toReversed().map((fault, i) => (
            <li key={`${i} ${fault.at}`}>
              <time>{timeOfDay(fault.at, language)}</time>
              <span>
                <strong>{titleOf(fault, t)}</strong>
                {fault.url && <bdi title={fault.url}>{shortAddress(fault.url)}</bdi>}
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function titleOf({ text, url, status }: Fault, t: ReturnType<typeof useStore>['t']['value']): string {
  if (status) return t('faults.request', { status });
  if (text) return text;
  return url ? t('faults.load') : t('faults.script');
}
