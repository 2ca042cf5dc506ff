// Why a node did not do what an operator asked: in the console's language, and
// in the node's own words what to do, but where the console has words for that.

import { ApiError } from './api.ts';
import { codeOf, errorKey } from './store.ts';
import type { Key } from './texts.ts';
import { useStore } from './ui.tsx';

export function Refused(props: { error: unknown; node?: string; texts?: Readonly<Record<string, Key>> | undefined }) {
  const t = useStore().t.value;
  const { error, node = '', texts } = props;
  const code = codeOf(error);
  const known = texts?.[code];
  return (
    <p class="problem" role="alert">
      {t(known ?? errorKey(code), { node })}
      {!known && code !== 'offline' && error instanceof ApiError && error.message && (
        <small class="nodes-said" lang="en">
          {error.message}
        </small>
      )}
    </p>
  );
}
