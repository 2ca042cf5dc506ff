// The box that a list is searched with.

import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Icon } from './icons.tsx';

const pause = 250; // ms without a key before searching

interface Props {
  label: string;
  query: Signal<string>; // what is searched for; '': nothing
  shortest?: number; // characters of a query
  most?: number; // characters that can be typed
}

export function SearchBox({ label, query, shortest = 1, most }: Props) {
  const typed = useSignal(query.peek());
  useEffect(() => {
    const timer = setTimeout(() => {
      const words = typed.value.trim();
      query.value = words.length >= shortest ? words : '';
    }, pause);
    return () => clearTimeout(timer);
  }, [typed.value, typed, query, shortest]);
  return (
    <search class="search-box">
      <Icon name="search" />
      <input
        class="search-field"
        type="search"
        data-search
        maxLength={most}
        value={typed.value}
        aria-label={label}
        placeholder={label}
        onInput={(event) => {
          typed.value = event.currentTarget.value;
        }}
      />
    </search>
  );
}
