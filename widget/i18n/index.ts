// Texts for people. A catalogue maps a key to a text in every language; a text
// may hold {placeholders}, and plural forms by Intl.PluralRules category.

export const languages = ['et', 'lv', 'lt', 'en', 'ru', 'fi', 'de'] as const;
export type Language = (typeof languages)[number];

export type Text = string | Partial<Record<Intl.LDMLPluralRule, string>>;
export type Catalogue<K extends string> = Record<Language, Record<K, Text>>;

/** Picks the first of the wanted languages (BCP 47 tags) that there are texts in, else English. */
export function pickLanguage(wanted: readonly string[], texts: Record<Language, unknown>): Language {
  const primary = wanted.map((tag) => tag.toLowerCase().split('-')[0] as Language);
  return primary.find((language) => Object.hasOwn(texts, language)) ?? 'en';
}

export type Translate<K extends string> = (key: K, values?: Record<string, string | number>) => string;

/** Returns a function that gives the text of a key, its placeholders filled in; `n` chooses the plural form. */
export function translator<K extends string>(catalogue: Catalogue<K>, language: Language): Translate<K> {
  return speaker(catalogue[language], language);
}

/** The same with the texts of one language. */
export function speaker<K extends string>(texts: Record<K, Text>, language: Language): Translate<K> {
  const plural = new Intl.PluralRules(language);
  return (key, values = {}) => {
    const text = texts[key];
    const form = typeof text === 'string' ? text : (text[plural.select(Number(values.n ?? 0))] ?? text.other ?? key);
    return form.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
  };
}
