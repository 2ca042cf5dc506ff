// The right side: the visitor's page and who they are, one above the other
// where there is room, else behind tabs.

import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Session } from '../wire/payload.ts';
import { Facts } from './facts.tsx';
import { PageView } from './page.tsx';
import { Splitter } from './splitter.tsx';
import { useStore } from './ui.tsx';

const tabs = ['page', 'visitor'] as const;

export function Side({ session }: { session: Session }) {
  const store = useStore();
  const t = store.t.value;
  const tab = useSignal<(typeof tabs)[number]>('page');
  const root = useRef<HTMLElement>(null);
  const share = store.parts.settings.panes.mirror.value;
  const box = () => root.current?.getBoundingClientRect() ?? new DOMRect();
  const move = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    tab.value = tab.value === 'page' ? 'visitor' : 'page';
    root.current?.querySelector<HTMLElement>(`#tab-${tab.value}`)?.focus();
  };
  return (
    <section
      class={`side side-shows-${tab.value}`}
      ref={root}
      aria-label={t('side.label', { name: session.name })}
      style={share === null ? {} : { '--mirror': `${share}%` }}
    >
      <div class="tabs" role="tablist" aria-label={t('side.tabs')} onKeyDown={move}>
        {tabs.map((name) => (
          <button
            type="button"
            role="tab"
            key={name}
            id={`tab-${name}`}
            class="tab"
            aria-selected={tab.value === name}
            aria-controls={`panel-${name}`}
            tabIndex={tab.value === name ? 0 : -1}
            onClick={() => {
              tab.value = name;
            }}
          >
            {t(name === 'page' ? 'nav.page' : 'nav.visitor')}
          </button>
        ))}
      </div>
      <div class="side-page" id="panel-page" role="tabpanel" aria-label={t('nav.page')}>
        <PageView session={session} />
      </div>
      <Splitter
        pane="mirror"
        label={t('split.mirror')}
        grows={1}
        horizontal
        measure={() => 60}
        at={(event) => ((event.clientY - box().top) / Math.max(1, box().height)) * 100}
      />
      <div
        class="side-visitor"
        id="panel-visitor"
        role="tabpanel"
        aria-label={t('nav.visitor')}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scroller must be reachable by keyboard
        tabIndex={0}
      >
        <Facts session={session} />
      </div>
    </section>
  );
}
