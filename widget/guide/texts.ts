// What guiding says on the visitor's page, loaded with it.

import type { Catalogue } from '../i18n/index.ts';

export type GuideText = 'above' | 'below' | 'before' | 'after' | 'elsewhere';

/** {name} points to what is not in the window: above, below, to the left, to the right of it, or hidden in the page. */
export const texts: Catalogue<GuideText> = {
  et: {
    above: '{name} näitab midagi ülalpool',
    below: '{name} näitab midagi allpool',
    before: '{name} näitab midagi vasakul',
    after: '{name} näitab midagi paremal',
    elsewhere: '{name} näitab midagi sellel lehel',
  },
  lv: {
    above: '{name} rāda kaut ko augstāk',
    below: '{name} rāda kaut ko zemāk',
    before: '{name} rāda kaut ko pa kreisi',
    after: '{name} rāda kaut ko pa labi',
    elsewhere: '{name} rāda kaut ko šajā lapā',
  },
  lt: {
    above: '{name} rodo kai ką aukščiau',
    below: '{name} rodo kai ką žemiau',
    before: '{name} rodo kai ką kairėje',
    after: '{name} rodo kai ką dešinėje',
    elsewhere: '{name} rodo kai ką šiame puslapyje',
  },
  en: {
    above: '{name} points to something above',
    below: '{name} points to something below',
    before: '{name} points to something on the left',
    after: '{name} points to something on the right',
    elsewhere: '{name} points to something on this page',
  },
  ru: {
    above: '{name} показывает что-то выше',
    below: '{name} показывает что-то ниже',
    before: '{name} показывает что-то слева',
    after: '{name} показывает что-то справа',
    elsewhere: '{name} показывает что-то на этой странице',
  },
  fi: {
    above: '{name} osoittaa jotakin ylempänä',
    below: '{name} osoittaa jotakin alempana',
    before: '{name} osoittaa jotakin vasemmalla',
    after: '{name} osoittaa jotakin oikealla',
    elsewhere: '{name} osoittaa jotakin tällä sivulla',
  },
  de: {
    above: '{name} zeigt auf etwas weiter oben',
    below: '{name} zeigt auf etwas weiter unten',
    before: '{name} zeigt auf etwas links',
    after: '{name} zeigt auf etwas rechts',
    elsewhere: '{name} zeigt auf etwas auf dieser Seite',
  },
};
