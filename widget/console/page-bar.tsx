// The bar above the mirror: tools, what belongs to the chosen one, whether the
// mirror follows the visitor, and how large the page is drawn.

import type { Signal } from '@preact/signals';
import type { Session } from '../wire/payload.ts';
import type { Viewport } from './edge.ts';
import { Icon } from './icons.tsx';
import { draws, Tools } from './tools.tsx';
import { IconButton, useStore } from './ui.tsx';
import { deviceOf, zoomed } from './zoom.ts';

/** What the bar shows of the mirror. */
export interface Shown {
  percent: number; // of the visitor's own size
  viewport: Viewport | null;
}

interface Props {
  session: Session;
  shown: Signal<Shown>;
  stay: Signal<boolean>; // what is drawn does not fade
  onClear: () => void;
}

export function PageBar({ session, shown, stay, onClear }: Props) {
  const store = useStore();
  const t = store.t.value;
  const drawing = draws(store.tool.value);
  const { deviceFrame, singleKeys } = store.parts.settings;
  const { viewport } = shown.value;
  return (
    <div class="page-bar">
      {store.tools.value.length > 1 && <Tools session={session} />}
      {drawing && (
        <span class="page-bar-group">
          <IconButton
            icon="pin"
            label={t('draw.stay')}
            pressed={stay.value}
            onClick={() => {
              stay.value = !stay.value;
            }}
          />
          <IconButton icon="clear" label={t('draw.clear')} onClick={onClear} />
        </span>
      )}
      <span class="page-bar-group page-bar-view">
        {viewport && deviceOf(viewport) !== 'computer' && (
          <IconButton
            icon="phone"
            label={t('device.frame')}
            pressed={deviceFrame.value}
            onClick={() => {
              deviceFrame.value = !deviceFrame.value;
            }}
          />
        )}
        <IconButton
          icon="follow"
          label={t('view.follow')}
          shortcut={singleKeys.value ? 'G' : ''}
          pressed={store.follows.value}
          onClick={() => {
            store.follows.value = !store.follows.value;
          }}
        />
        <Zoom percent={shown.value.percent} />
      </span>
    </div>
  );
}

/** How large the visitor's page is drawn. */
export function Zoom({ percent }: { percent: number }) {
  const { t, parts } = useStore();
  const { pageSize, language } = parts.settings;
  const text = new Intl.NumberFormat(language.value, { style: 'percent' }).format(percent / 100);
  const fits = pageSize.value === 'fit';
  return (
    <fieldset class="zoom">
      <legend class="sr-only">{t.value('page.size')}</legend>
      <IconButton
        icon="minus"
        label={t.value('zoom.out')}
        onClick={() => {
          pageSize.value = zoomed(percent, -1);
        }}
      />
      <button
        type="button"
        class="zoom-now"
        aria-pressed={fits}
        title={t.value('page.fit')}
        onClick={() => {
          pageSize.value = fits ? 100 : 'fit';
        }}
      >
        <Icon name="width" />
        <span class="sr-only">{t.value('page.fit')}, </span>
        <span class="number">{text}</span>
      </button>
      <IconButton
        icon="plus"
        label={t.value('zoom.in')}
        onClick={() => {
          pageSize.value = zoomed(percent, 1);
        }}
      />
    </fieldset>
  );
}
