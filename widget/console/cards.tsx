// What visitors left while nobody was there: read, answered, ticked as solved.

import { useSignal } from '@preact/signals';
import type { Card } from './api.ts';
import { codeOf } from './store.ts';
import { contactAddress } from './text.ts';
import { moment } from './time.ts';
import { Empty, Failed, IconButton, Loading, Segments, useLoad, useStore, VisitorTag } from './ui.tsx';

export function Cards() {
  const store = useStore();
  const t = store.t.value;
  const shown = useSignal<'open' | 'solved'>('open');
  const { got, again, put } = useLoad('cards', () => store.parts.api.cards({}));
  const adding = useSignal(false);
  const addMore = async () => {
    if (got.state !== 'ready' || adding.value) return;
    const { cards: known } = got.value;
    adding.value = true;
    try {
      const next = await store.parts.api.cards({ before: Math.min(...known.map(({ at }) => at)) });
      put({ cards: [...known, ...next.cards], more: next.more });
    } catch (error) {
      store.tellError({ code: codeOf(error) });
    }
    adding.value = false;
  };

  const solve = async (card: Card, solved: boolean) => {
    if (got.state !== 'ready') return;
    const all = got.value;
    put({ ...all, cards: all.cards.map((c) => (c.id === card.id ? { ...c, solved } : c)) });
    try {
      await store.parts.api.solve(card.id, solved);
      void store.countCards();
      store.announce(t(solved ? 'cards.nowSolved' : 'cards.nowOpen', { name: card.name }));
    } catch (error) {
      put(all);
      store.tellError({ code: codeOf(error) });
    }
  };
  const cards =
    got.state === 'ready'
      ? got.value.cards.filter((card) => card.solved === (shown.value === 'solved')).sort((a, b) => b.at - a.at)
      : [];
  return (
    <main class="cards">
      <header class="screen-head">
        <h2>{t('cards.title')}</h2>
        <Segments
          label={t('cards.show')}
          name="cards"
          value={shown.value}
          options={[
            { value: 'open', label: t('cards.open') },
            { value: 'solved', label: t('cards.solved') },
          ]}
          onChoose={(value) => {
            shown.value = value;
          }}
        />
      </header>
      {got.state === 'loading' && <Loading />}
      {got.state === 'failed' && <Failed error={got.error} again={again} />}
      {got.state === 'ready' && cards.length === 0 && <NoCards shown={shown.value} />}
      <ul class="card-list">
        {cards.map((card) => (
          <CardView key={card.id} card={card} onSolve={(solved) => void solve(card, solved)} />
        ))}
      </ul>
      {got.state === 'ready' && got.value.more && (
        <button type="button" class="button results-more" aria-disabled={adding.value} onClick={() => void addMore()}>
          {t('history.more')}
        </button>
      )}
    </main>
  );
}

function NoCards({ shown }: { shown: 'open' | 'solved' }) {
  const { t } = useStore();
  return (
    <Empty
      icon="cards"
      title={t.value(shown === 'open' ? 'cards.noneOpen' : 'cards.noneSolved')}
      text={t.value('cards.noneText')}
    />
  );
}

function CardView({ card, onSolve }: { card: Card; onSolve: (solved: boolean) => void }) {
  const store = useStore();
  const t = store.t.value;
  const address = contactAddress(card.contact);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(card.contact);
      store.tell('cards.copied');
    } catch {
      store.tell('cards.notCopied', {}, true);
    }
  };
  return (
    <li class={`card ${card.solved ? 'card-solved' : ''}`}>
      <header class="card-head">
        <VisitorTag visitor={card.visitor} name={card.name} />
        <h3>
          <bdi>{card.name || t('visitor.nameless')}</bdi>
        </h3>
        <time class="number">{moment(card.at, store.now.value, store.parts.settings.language.value)}</time>
      </header>
      <p class="card-text" dir="auto">
        {card.text}
      </p>
      <p class="card-contact">
        <span>{t('cards.contact')}</span>
        <bdi>{address ? <a href={address}>{card.contact}</a> : card.contact || '–'}</bdi>
        {card.contact && (
          <IconButton icon="copy" label={t('cards.copy', { contact: card.contact })} onClick={() => void copy()} />
        )}
      </p>
      <footer class="card-foot">
        <span class="card-where">
          {store.siteName(card.site)} · {store.departmentName(card.department)}
        </span>
        <label class="tick-row">
          <input
            type="checkbox"
            checked={card.solved}
            aria-label={t('cards.solve', { name: card.name })}
            onChange={(event) => onSolve(event.currentTarget.checked)}
          />
          {t('cards.solvedTick')}
        </label>
      </footer>
    </li>
  );
}
