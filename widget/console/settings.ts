// What an agent chose for this browser, kept in its localStorage.

import { effect, type Signal, signal } from '@preact/signals';
import { type Language, languages, pickLanguage } from '../i18n/index.ts';
import { type PageSize, readSize } from './zoom.ts';

const spoken = Object.fromEntries(languages.map((l) => [l, l])) as Record<Language, Language>;

export type Theme = 'system' | 'light' | 'dark';

/** Widths in px, and the mirror's part of the side pane in percent. */
export const paneBounds = { list: [232, 420], side: [300, 1200], mirror: [30, 85] } as const;
export type Pane = keyof typeof paneBounds;

export class Settings {
  readonly theme: Signal<Theme>;
  readonly language: Signal<Language>;
  readonly sound: Signal<boolean>;
  readonly singleKeys: Signal<boolean>;
  readonly pageSize: Signal<PageSize>;
  readonly deviceFrame: Signal<boolean>; // a phone's or tablet's page looks like one
  readonly panes: Record<Pane, Signal<number | null>>; // null: as the style sheet says

  constructor(private readonly storage: Storage) {
    this.theme = this.kept('theme', (v) => (['system', 'light', 'dark'] as const).find((t) => t === v) ?? 'system');
    this.language = this.kept(
      'language',
      (v) => languages.find((l) => l === v) ?? pickLanguage(navigator.languages, spoken),
    );
    this.sound = this.kept('sound', (v) => v !== false);
    this.singleKeys = this.kept('single-keys', (v) => v !== false);
    this.pageSize = this.kept('page-size', readSize);
    this.deviceFrame = this.kept('device-frame', (v) => v !== false);
    const pane = (name: Pane) =>
      this.kept(`pane.${name}`, (v) => (typeof v === 'number' ? clamp(v, paneBounds[name]) : null));
    this.panes = { list: pane('list'), side: pane('side'), mirror: pane('mirror') };
  }

  private kept<T>(name: string, read: (value: unknown) => T): Signal<T> {
    const key = `kohe.console.${name}`;
    const kept = signal(read(readJSON(this.storage, key)));
    effect(() => writeJSON(this.storage, key, kept.value));
    return kept;
  }
}

/** Keeps the html element's theme and language as chosen; follows the system's theme while that is the choice. */
export function applySettings(settings: Settings, root: HTMLElement): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const system = signal(dark.matches);
  dark.addEventListener('change', () => {
    system.value = dark.matches;
  });
  effect(() => {
    const theme = settings.theme.value;
    root.dataset.theme = theme === 'system' ? (system.value ? 'dark' : 'light') : theme;
    root.lang = settings.language.value;
  });
}

export function clamp(value: number, [min, max]: readonly [number, number]): number {
  return Math.min(max, Math.max(min, value));
}

/** Reads a stored value; null when there is none, it is damaged or storage is refused. */
export function readJSON(storage: Storage, key: string): unknown {
  try {
    return JSON.parse(storage.getItem(key) ?? 'null');
  } catch {
    return null;
  }
}

/** Stores a value, null removes it. A full or refused storage only costs the memory of it. */
export function writeJSON(storage: Storage, key: string, value: unknown): void {
  try {
    if (value === null) storage.removeItem(key);
    else storage.setItem(key, JSON.stringify(value));
  } catch {
    // private mode or quota: the value lives until the page is closed
  }
}
