// The controls of settings.ts.

import { type Language, languages } from '../i18n/index.ts';
import type { Theme } from './settings.ts';
import { Segments, useStore } from './ui.tsx';

/** Each language by its own name, so that whoever needs it can find it. */
const ownNames: Record<Language, string> = {
  et: 'Eesti',
  lv: 'Latviešu',
  lt: 'Lietuvių',
  en: 'English',
  ru: 'Русский',
  fi: 'Suomi',
  de: 'Deutsch',
};

export function LanguageSelect() {
  const { t, parts } = useStore();
  const chosen = parts.settings.language;
  return (
    <label class="field field-row">
      <span>{t.value('settings.language')}</span>
      <select
        value={chosen.value}
        onChange={(event) => {
          chosen.value = event.currentTarget.value as Language;
        }}
      >
        {languages.map((language) => (
          <option key={language} value={language} lang={language} selected={language === chosen.value}>
            {ownNames[language]}
          </option>
        ))}
      </select>
    </label>
  );
}

export function ThemeSegments() {
  const { t, parts } = useStore();
  const themes: readonly Theme[] = ['system', 'light', 'dark'];
  return (
    <Segments
      label={t.value('settings.theme')}
      name="theme"
      value={parts.settings.theme.value}
      options={themes.map((theme) => ({ value: theme, label: t.value(`theme.${theme}`) }))}
      onChoose={(theme) => {
        parts.settings.theme.value = theme;
      }}
    />
  );
}

export function Switch(props: { label: string; hint?: string; on: boolean; onChange: (on: boolean) => void }) {
  return (
    <label class="switch">
      <input
        type="checkbox"
        role="switch"
        aria-checked={props.on}
        checked={props.on}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      <span class="switch-face" aria-hidden="true" />
      <span class="switch-label">
        {props.label}
        {props.hint && <small>{props.hint}</small>}
      </span>
    </label>
  );
}
