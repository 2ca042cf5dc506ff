// What an invitation says. Apart from texts.ts because it comes without the chat.

import type { Language } from '../i18n/index.ts';

type Texts = Record<'label' | 'text' | 'accept' | 'decline', string>;

export const invitationTexts: Record<Language, Texts> = {
  et: {
    label: 'Kutse vestlusele',
    text: '{name}: tere! Kas saan teid aidata?',
    accept: 'Jah, vestleme',
    decline: 'Ei, aitäh',
  },
  lv: {
    label: 'Uzaicinājums uz saraksti',
    text: '{name}: labdien! Vai varu palīdzēt?',
    accept: 'Jā, labprāt',
    decline: 'Nē, paldies',
  },
  lt: {
    label: 'Kvietimas į pokalbį',
    text: '{name}: laba diena! Ar galiu padėti?',
    accept: 'Taip, mielai',
    decline: 'Ne, ačiū',
  },
  en: {
    label: 'Invitation to chat',
    text: '{name}: hello! Can I help you?',
    accept: 'Yes, please',
    decline: 'No, thanks',
  },
  ru: {
    label: 'Приглашение в чат',
    text: '{name}: здравствуйте! Могу я вам помочь?',
    accept: 'Да, пожалуйста',
    decline: 'Нет, спасибо',
  },
  fi: {
    label: 'Kutsu keskusteluun',
    text: '{name}: hei! Voinko auttaa?',
    accept: 'Kyllä, kiitos',
    decline: 'Ei, kiitos',
  },
  de: {
    label: 'Einladung zum Chat',
    text: '{name}: Guten Tag! Kann ich Ihnen helfen?',
    accept: 'Ja, gern',
    decline: 'Nein, danke',
  },
};
