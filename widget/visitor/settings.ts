// What the script tag says. README.md is its documentation.

import { type Language, pickLanguage } from '../i18n/index.ts';
import { buttonTexts } from './button-texts.ts';

export type Theme = 'auto' | 'light' | 'dark';

export interface Settings {
  node: string; // origin of the node that the script came from
  site: string;
  lang: Language;
  department: string; // '' : the site's first
  position: 'start' | 'end';
  color: string; // '' : the site's
  theme: Theme;
}

/** Reads the script tag. Throws a sentence for the site's developer if it cannot work. */
export function settings(script: HTMLScriptElement | null, languages: readonly string[]): Settings {
  const { site = '', lang = '', department = '', position, color = '', theme } = script?.dataset ?? {};
  if (!script?.src || !site) throw new Error('the script tag needs src and data-site');
  return {
    node: new URL(script.src).origin,
    site,
    lang: pickLanguage([lang, ...languages], buttonTexts),
    department,
    position: position === 'start' || position === 'left' ? 'start' : 'end',
    color,
    theme: theme === 'light' || theme === 'dark' ? theme : 'auto',
  };
}
