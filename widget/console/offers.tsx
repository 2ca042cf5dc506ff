// Sessions offered to the agent: who it is, where they are, how long there is
// left to say yes.

import type { Offer } from './desk.ts';
import { shortAddress } from './text.ts';
import { clockLength } from './time.ts';
import { useStore, VisitorName, VisitorTag } from './ui.tsx';

/** How long an answer may take, ms, until the agent is told that nobody has confirmed it. */
const confirmWithin = 2_000;

export function Offers({ floating }: { floating?: boolean }) {
  const store = useStore();
  if (store.offers.value.length === 0) return null;
  return (
    <section class="offers" aria-label={store.t.value('offer.title')}>
      {store.offers.value.map((offer, i) => (
        <OfferCard
          key={`${offer.session.id}.${offer.assignment}`}
          offer={offer}
          first={i === 0}
          floating={floating === true}
        />
      ))}
    </section>
  );
}

function OfferCard({ offer, first, floating }: { offer: Offer; first: boolean; floating: boolean }) {
  const store = useStore();
  const t = store.t.value;
  const { session } = offer;
  const now = store.now.value;
  const answered = store.answering.value.get(session.id);
  const busy = answered !== undefined;
  const late = busy && now - answered > confirmWithin;
  return (
    <article class="offer" aria-labelledby={`offer-${session.id}${floating ? '-f' : ''}`}>
      <div class="offer-head">
        <VisitorTag visitor={session.visitor} name={session.name} large />
        <div class="offer-who">
          <h2 class="offer-name" id={`offer-${session.id}${floating ? '-f' : ''}`}>
            <VisitorName visitor={session.visitor} name={session.name} />
          </h2>
          <p class="offer-where">
            {store.siteName(session.site)} · {store.departmentName(session.department)}
          </p>
        </div>
        <Countdown left={offer.expires_at - now} />
      </div>
      <p class="offer-page">
        <bdi>{session.title || shortAddress(session.url ?? '')}</bdi>
      </p>
      <p class="offer-waited">{t('offer.waited', { time: clockLength(now - session.opened_at) })}</p>
      <div class="offer-do">
        <button
          type="button"
          class="button button-primary"
          aria-disabled={busy}
          onClick={() => store.answer(offer, true)}
        >
          {t(late ? 'offer.late' : busy ? 'offer.busy' : 'offer.accept')}
          {first && !busy && (
            <span class="key" aria-hidden="true">
              Alt A
            </span>
          )}
        </button>
        <button
          type="button"
          class="button button-quiet"
          aria-disabled={busy}
          onClick={() => store.answer(offer, false)}
        >
          {t('offer.decline')}
        </button>
      </div>
    </article>
  );
}

const ring = 2 * Math.PI * 16; // the circle's length in its own units
const usual = 20_000; // ms an offer stands; a longer one starts with a full ring

function Countdown({ left }: { left: number }) {
  const { t } = useStore();
  const seconds = Math.max(0, Math.ceil(left / 1000));
  const share = Math.min(1, Math.max(0, left / usual));
  return (
    <span
      class={`countdown ${seconds <= 5 ? 'countdown-last' : ''}`}
      role="timer"
      aria-label={t.value('offer.left', { n: seconds })}
    >
      <svg viewBox="0 0 40 40" aria-hidden="true" focusable="false">
        <circle class="countdown-track" cx="20" cy="20" r="16" />
        <circle
          class="countdown-left"
          cx="20"
          cy="20"
          r="16"
          stroke-dasharray={`${ring * share} ${ring}`}
          transform="rotate(-90 20 20)"
        />
      </svg>
      <span class="number" aria-hidden="true">
        {seconds}
      </span>
    </span>
  );
}
