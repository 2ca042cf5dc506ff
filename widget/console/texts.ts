// Every text of the console. English names the keys and is always there; the
// others must have them all, and are loaded when they are chosen.

import type { Language, Text } from '../i18n/index.ts';
import { en } from './texts/en.ts';

export type Key = keyof typeof en;
export type Texts = Record<Key, Text>;

export const english: Texts = en;

const load: Record<Language, () => Promise<Texts>> = {
  et: () => import('./texts/et.ts').then(({ et }) => et),
  lv: () => import('./texts/lv.ts').then(({ lv }) => lv),
  lt: () => import('./texts/lt.ts').then(({ lt }) => lt),
  en: () => Promise.resolve(en),
  ru: () => import('./texts/ru.ts').then(({ ru }) => ru),
  fi: () => import('./texts/fi.ts').then(({ fi }) => fi),
  de: () => import('./texts/de.ts').then(({ de }) => de),
};

/** Loads the texts in a language. */
export const textsIn = (language: Language): Promise<Texts> => load[language]();
