// All texts of the chat window, one file a language; English gives the keys.

import type { Catalogue, Text, Translate } from '../i18n/index.ts';
import { de } from './texts/de.ts';
import { en } from './texts/en.ts';
import { et } from './texts/et.ts';
import { fi } from './texts/fi.ts';
import { lt } from './texts/lt.ts';
import { lv } from './texts/lv.ts';
import { ru } from './texts/ru.ts';

export type ChatText = keyof typeof en;
export type ChatTexts = Record<ChatText, Text>;
export type ChatTranslate = Translate<ChatText>;

export const texts: Catalogue<ChatText> = { et, lv, lt, en, ru, fi, de };
