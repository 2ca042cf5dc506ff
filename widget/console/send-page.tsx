// Sending the visitor to a page: one of those that the site lists, found by
// typing, or another one whose address is typed.

import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import { pageAddress } from '../wire/address.ts';
import type { Session } from '../wire/payload.ts';
import type { SitePages } from './api.ts';
import { Icon } from './icons.tsx';
import { shortAddress } from './text.ts';
import { Failed, Loading, useLoad, useStore } from './ui.tsx';

const shown = 50; // pages in the list at most

export function SendPage({ session }: { session: Session }) {
  const { t } = useStore();
  const open = useSignal(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const outside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) open.value = false;
    };
    for (const type of ['pointerdown', 'focusin']) document.addEventListener(type, outside);
    return () => {
      for (const type of ['pointerdown', 'focusin']) document.removeEventListener(type, outside);
    };
  }, [open]);
  const close = () => {
    open.value = false;
    button.current?.focus();
  };
  const label = t.value('push.do');
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: only catches Escape from the controls inside
    <div class="push" ref={root} onKeyDown={(event) => open.value && event.key === 'Escape' && close()}>
      <button
        type="button"
        class="icon-button"
        ref={button}
        aria-label={label}
        title={label}
        aria-expanded={open.value}
        aria-haspopup="dialog"
        onClick={() => {
          open.value = !open.value;
        }}
      >
        <Icon name="page" />
      </button>
      {open.value && (
        <div class="push-panel" role="dialog" aria-label={label}>
          <Choose session={session} onDone={close} />
        </div>
      )}
    </div>
  );
}

function Choose({ session, onDone }: { session: Session; onDone: () => void }) {
  const store = useStore();
  const { got, again } = useLoad(session.site, () => store.parts.api.pages(session.site));
  if (got.state === 'loading') return <Loading />;
  if (got.state === 'failed') return <Failed error={got.error} again={again} />;
  return <Pages session={session} site={got.value} onDone={onDone} />;
}

interface Choice {
  title: string;
  url: string;
}

function Pages({ session, site, onDone }: { session: Session; site: SitePages; onDone: () => void }) {
  const store = useStore();
  const t = store.t.value;
  const query = useSignal('');
  const at = useSignal(0);
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => field.current?.focus(), []);
  const typed = pageAddress(query.value.trim());
  const places = [...site.origins, ...site.links];
  const barred = typed !== null && !places.includes(typed.origin);
  const list = typed ? (barred ? [] : [{ title: '', url: typed.href }]) : matching(site.pages, query.value);
  const chosen = Math.min(at.value, list.length - 1);
  const send = ({ title, url }: Choice) => {
    store.say(session.id, `${url} ${title}`.trim(), 'link');
    onDone();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const choice = list[chosen];
    if (step && list.length) at.value = (chosen + step + list.length) % list.length;
    else if (event.key === 'Enter' && !event.isComposing && choice) send(choice);
    else if (event.key !== 'Enter') return;
    event.preventDefault();
  };
  return (
    <>
      <input
        ref={field}
        class="push-search"
        role="combobox"
        aria-expanded={list.length > 0}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        {...(list.length > 0 && { 'aria-activedescendant': `${id}-${chosen}` })}
        aria-label={t('push.search')}
        placeholder={t('push.search')}
        autocomplete="off"
        onInput={(event) => {
          query.value = event.currentTarget.value;
          at.value = 0;
        }}
        onKeyDown={onKeyDown}
      />
      <div class="push-list" role="listbox" id={`${id}-list`} aria-label={t('push.do')}>
        {list.map((choice, i) => (
          <Option
            key={choice.url}
            id={`${id}-${i}`}
            choice={choice}
            chosen={i === chosen}
            onChoose={() => send(choice)}
          />
        ))}
      </div>
      {list.length === 0 && (
        <p class="push-none" role="status">
          {barred ? t('push.barred', { list: places.map(shortAddress).join(', ') }) : t('push.none')}
        </p>
      )}
    </>
  );
}

function Option(props: { id: string; choice: Choice; chosen: boolean; onChoose: () => void }) {
  const { t } = useStore();
  const { title, url } = props.choice;
  const row = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (props.chosen) row.current?.scrollIntoView({ block: 'nearest' });
  }, [props.chosen]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys
    // biome-ignore lint/a11y/useFocusableInteractive: as above; the field says which one is chosen
    <div
      class="push-option"
      role="option"
      id={props.id}
      ref={row}
      aria-selected={props.chosen}
      onClick={props.onChoose}
    >
      <span>{title || t.value('push.send', { title: shortAddress(url) })}</span>
      <small>{shortAddress(url)}</small>
    </div>
  );
}

/** The pages whose title or address has every word of a query. */
function matching(pages: readonly Choice[], query: string): Choice[] {
  const words = query.toLowerCase().split(/\s+/);
  const has = ({ title, url }: Choice) => words.every((word) => `${title} ${url}`.toLowerCase().includes(word));
  return pages.filter(has).slice(0, shown);
}
