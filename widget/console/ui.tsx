// Small pieces that every screen uses.

import { useSignal } from '@preact/signals';
import { type ComponentChildren, createContext } from 'preact';
import { useContext, useEffect, useId, useRef, useState } from 'preact/hooks';
import { Icon, type IconName } from './icons.tsx';
import { codeOf, errorKey, type Store } from './store.ts';
import { initialsOf, tagOf } from './tag.ts';
import type { Piece } from './text.ts';

const StoreContext = createContext<Store | null>(null);
export const StoreProvider = StoreContext.Provider;

export function useStore(): Store {
  const store = useContext(StoreContext);
  if (!store) throw new Error('a component was drawn outside StoreProvider');
  return store;
}

/** The visitor's initials in their colour. */
export function VisitorTag({ visitor, name, large }: { visitor: string; name: string; large?: boolean }) {
  return (
    <span class={`tag ${tagOf(visitor).hue} ${large ? 'tag-large' : ''}`} aria-hidden="true">
      {initialsOf(name) || <Icon name="person" />}
    </span>
  );
}

/** A visitor's name on one line, in full as a tooltip; where two visitors share it, with the letters of their tag. */
export function VisitorName({ visitor, name }: { visitor: string; name: string }) {
  const store = useStore();
  const shared = store.shared.value.has(name.trim().toLowerCase());
  return (
    <span class="visitor-name" title={name}>
      <bdi>{name || store.t.value('visitor.nameless')}</bdi>
      {shared && <span class="visitor-letters"> · {tagOf(visitor).letters}</span>}
    </span>
  );
}

export function IconButton(props: {
  icon: IconName;
  label: string;
  onClick: () => void;
  class?: string;
  pressed?: boolean;
  shortcut?: string;
}) {
  return (
    <button
      type="button"
      class={`icon-button ${props.class ?? ''}`}
      aria-label={props.label}
      title={props.shortcut ? `${props.label} · ${props.shortcut}` : props.label}
      aria-pressed={props.pressed}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}

/** Text in pieces: links open elsewhere and tell the other page nothing of ours. */
export function Pieces({ pieces }: { pieces: readonly Piece[] }) {
  return (
    <>
      {pieces.map(({ text, href, hit }, i) => {
        const key = `${i}`;
        if (href) {
          return (
            <a key={key} href={href} target="_blank" rel="noopener noreferrer nofollow">
              {text}
            </a>
          );
        }
        return hit ? <mark key={key}>{text}</mark> : <span key={key}>{text}</span>;
      })}
    </>
  );
}

/** What a place says while there is nothing in it, and what to do about that. */
export function Empty(props: { icon: IconName; title: string; text?: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={props.icon} />
      </span>
      <p class="empty-title">{props.title}</p>
      {props.text && <p class="empty-text">{props.text}</p>}
      {props.children}
    </div>
  );
}

export function Loading() {
  const store = useStore();
  return (
    <div class="loading" role="status">
      <span class="spinner" aria-hidden="true" />
      {store.t.value('loading')}
    </div>
  );
}

export function Failed({ error, again }: { error: unknown; again: () => void }) {
  const { t } = useStore();
  return (
    <div class="failed" role="alert">
      <Icon name="alert" />
      <p>{t.value(errorKey(codeOf(error)))}</p>
      <button type="button" class="button" onClick={again}>
        {t.value('again')}
      </button>
    </div>
  );
}

export type Load<T> = { state: 'loading' } | { state: 'ready'; value: T } | { state: 'failed'; error: unknown };

/** Loads when first drawn and whenever `what` changes; an older answer never replaces a newer one. */
export function useLoad<T>(
  what: string,
  load: () => Promise<T>,
): { got: Load<T>; again: () => void; put: (value: T) => void } {
  const [got, setGot] = useState<Load<T>>({ state: 'loading' });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let current = true;
    setGot({ state: 'loading' });
    load().then(
      (value) => current && setGot({ state: 'ready', value }),
      (error: unknown) => current && setGot({ state: 'failed', error }),
    );
    return () => {
      current = false;
    };
  }, [what, turn]);
  return { got, again: () => setTurn(turn + 1), put: (value) => setGot({ state: 'ready', value }) };
}

/** A button that opens a small panel under it; Escape or a click elsewhere closes it. */
export function Popover(props: {
  label: string;
  class?: string;
  button: ComponentChildren;
  children: ComponentChildren;
}) {
  const open = useSignal(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  useEffect(() => {
    const outside = (event: Event) => {
      if (open.value && !root.current?.contains(event.target as Node)) open.value = false;
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
    };
  }, [open]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !open.value) return;
    event.stopPropagation();
    open.value = false;
    button.current?.focus();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: only catches Escape from the controls inside
    <div class={`popover ${props.class ?? ''}`} ref={root} onKeyDown={onKeyDown}>
      <button
        type="button"
        class="popover-button"
        ref={button}
        aria-expanded={open.value}
        aria-controls={id}
        title={props.label}
        onClick={() => {
          open.value = !open.value;
        }}
      >
        <span class="sr-only">{props.label}</span>
        <span class="popover-face" aria-hidden="true">
          {props.button}
        </span>
      </button>
      <div class="popover-panel" id={id} hidden={!open.value}>
        {props.children}
      </div>
    </div>
  );
}

/** A choice of one among a few, as a row of buttons. Choosing what is chosen asks for it again. */
export function Segments<T extends string>(props: {
  label: string;
  name: string;
  value: T | null;
  options: readonly { value: T; label: string; icon?: IconName }[];
  onChoose: (value: T) => void;
}) {
  return (
    <fieldset class="segments">
      <legend class="sr-only">{props.label}</legend>
      {props.options.map((option) => (
        <label key={option.value} class="segment" title={option.icon && option.label}>
          <input
            type="radio"
            name={props.name}
            value={option.value}
            checked={props.value === option.value}
            onClick={() => props.onChoose(option.value)}
          />
          <span class={`segment-face segment-${option.value}`}>
            {option.icon && <Icon name={option.icon} />}
            <span>{option.label}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
