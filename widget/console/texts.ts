// Every text of the console. English names the keys; the others must have them all.

import type { Catalogue, Text } from '../i18n/index.ts';
import { de } from './texts/de.ts';
import { en } from './texts/en.ts';
import { et } from './texts/et.ts';
import { fi } from './texts/fi.ts';
import { lt } from './texts/lt.ts';
import { lv } from './texts/lv.ts';
import { ru } from './texts/ru.ts';

export type Key = keyof typeof en;
export type Texts = Record<Key, Text>;

export const texts: Catalogue<Key> = { et, lv, lt, en, ru, fi, de };
