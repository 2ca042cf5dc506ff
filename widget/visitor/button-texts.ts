// What the button says. Apart from texts.ts because it is loaded with the page,
// and without plural forms so that it needs no code for them.

import type { Language } from '../i18n/index.ts';
import type { ButtonState } from '../wire/payload.ts';

/** By language: someone can answer, all are busy, closed, and how many wait. */
export const buttonTexts: Record<Language, Record<ButtonState | 'waiting', string>> = {
  et: { open: 'Küsi meilt', busy: 'Kõik on hõivatud', closed: 'Jäta sõnum', waiting: '{n} ootab' },
  lv: { open: 'Jautājiet mums', busy: 'Visi pašlaik aizņemti', closed: 'Atstāt ziņu', waiting: '{n} gaida' },
  lt: { open: 'Klauskite mūsų', busy: 'Šiuo metu visi užsiėmę', closed: 'Palikti žinutę', waiting: '{n} laukia' },
  en: { open: 'Chat with us', busy: 'Everyone is busy', closed: 'Leave a message', waiting: '{n} waiting' },
  ru: { open: 'Спросите нас', busy: 'Сейчас все заняты', closed: 'Оставить сообщение', waiting: 'В очереди: {n}' },
  fi: { open: 'Kysy meiltä', busy: 'Kaikki ovat varattuja', closed: 'Jätä viesti', waiting: '{n} jonossa' },
  de: {
    open: 'Fragen Sie uns',
    busy: 'Alle sind im Gespräch',
    closed: 'Nachricht hinterlassen',
    waiting: 'Wartende: {n}',
  },
};
