// How the console is connected: by what, how far, and what happens when it is not.

import { Icon } from './icons.tsx';
import { Popover, useStore } from './ui.tsx';

const slow = 300; // ms of round trip above which typing to each other feels late

export function ConnectionView() {
  const store = useStore();
  const t = store.t.value;
  const { state, transport, rtt, retryAt } = store.link.value;
  const open = state === 'open';
  const instead = store.parts.api.reach.instead.value;
  const seconds = retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - store.local.value) / 1000));
  const words = open
    ? transport === 'webtransport'
      ? 'WebTransport'
      : 'WebSocket'
    : t(state === 'waiting' && seconds > 0 ? 'link.retryIn' : 'link.connecting', { seconds });
  const trip = rtt === null ? '' : t('link.ms', { ms: rtt < 1 ? '<1' : Math.round(rtt) });
  const tone = !open ? 'bad' : rtt !== null && rtt > slow ? 'slow' : 'good';
  return (
    <Popover
      class={`connection connection-${tone}`}
      label={open ? t('link.label', { transport: words, trip }) : words}
      button={
        <>
          <span class="connection-dot" />
          {!open && <Icon name="offline" />}
          <span class="connection-words">{words}</span>
          {open && trip && <span class="number">{trip}</span>}
        </>
      }
    >
      <dl class="facts-list">
        <dt>{t('link.state')}</dt>
        <dd>{open ? t('link.open') : words}</dd>
        {open && (
          <>
            <dt>{t('link.transport')}</dt>
            <dd>{words}</dd>
            <dt>{t('link.trip')}</dt>
            <dd class="number">{trip || '–'}</dd>
          </>
        )}
        {store.node.value && (
          <>
            <dt>{t('link.node')}</dt>
            <dd>{store.node.value}</dd>
          </>
        )}
      </dl>
      <p class="hint">{t(open ? 'link.hintOpen' : 'link.hintAway')}</p>
      {open && instead && <p class="hint">{t('link.instead', { node: store.node.value })}</p>}
      {!open && (
        <button type="button" class="button" onClick={() => store.kick()}>
          {t('link.now')}
        </button>
      )}
    </Popover>
  );
}

/** Above the desk while there is no connection: what is written now is sent later. */
export function ConnectionBanner() {
  const store = useStore();
  const t = store.t.value;
  const { state, retryAt } = store.link.value;
  if (state === 'open' || store.opened.value === 0) return null;
  const seconds = retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - store.local.value) / 1000));
  return (
    <div class="banner" role="status">
      <Icon name="offline" />
      <span>{t('link.banner')}</span>
      <span class="number">{seconds > 0 ? t('link.retryIn', { seconds }) : t('link.connecting')}</span>
      <button type="button" class="button button-small" onClick={() => store.kick()}>
        {t('link.now')}
      </button>
    </div>
  );
}
