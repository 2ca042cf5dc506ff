// What the button says. Apart from texts.ts because it is loaded with the page.

import type { Catalogue } from '../i18n/index.ts';

export type ButtonText = 'open' | 'busy' | 'waiting' | 'closed' | 'chat' | 'unread';

export const buttonTexts: Catalogue<ButtonText> = {
  et: {
    open: 'Küsi meilt',
    busy: 'Kõik on hetkel hõivatud',
    waiting: '{n} ootab',
    closed: 'Jäta sõnum',
    chat: 'Vestlus',
    unread: { one: '{n} uus sõnum', other: '{n} uut sõnumit' },
  },
  lv: {
    open: 'Jautājiet mums',
    busy: 'Visi pašlaik aizņemti',
    waiting: '{n} gaida',
    closed: 'Atstāt ziņu',
    chat: 'Tērzēšana',
    unread: { zero: '{n} jaunu ziņu', one: '{n} jauna ziņa', other: '{n} jaunas ziņas' },
  },
  lt: {
    open: 'Klauskite mūsų',
    busy: 'Šiuo metu visi užsiėmę',
    waiting: '{n} laukia',
    closed: 'Palikti žinutę',
    chat: 'Pokalbis',
    unread: { one: '{n} nauja žinutė', few: '{n} naujos žinutės', other: '{n} naujų žinučių' },
  },
  en: {
    open: 'Chat with us',
    busy: 'Everyone is busy',
    waiting: '{n} waiting',
    closed: 'Leave a message',
    chat: 'Chat',
    unread: { one: '{n} new message', other: '{n} new messages' },
  },
  ru: {
    open: 'Спросите нас',
    busy: 'Сейчас все заняты',
    waiting: { one: '{n} ожидает', few: '{n} ожидают', many: '{n} ожидают', other: '{n} ожидают' },
    closed: 'Оставить сообщение',
    chat: 'Чат',
    unread: {
      one: '{n} новое сообщение',
      few: '{n} новых сообщения',
      many: '{n} новых сообщений',
      other: '{n} нового сообщения',
    },
  },
  fi: {
    open: 'Kysy meiltä',
    busy: 'Kaikki ovat nyt varattuja',
    waiting: '{n} jonossa',
    closed: 'Jätä viesti',
    chat: 'Keskustelu',
    unread: { one: '{n} uusi viesti', other: '{n} uutta viestiä' },
  },
  de: {
    open: 'Fragen Sie uns',
    busy: 'Gerade sind alle im Gespräch',
    waiting: { one: '{n} wartet', other: '{n} warten' },
    closed: 'Nachricht hinterlassen',
    chat: 'Chat',
    unread: { one: '{n} neue Nachricht', other: '{n} neue Nachrichten' },
  },
};
