// The page where an agent signs in.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError } from './api.ts';
import { Icon, Logo } from './icons.tsx';
import { LanguageSelect, ThemeSegments } from './preferences.tsx';
import { codeOf, errorKey } from './store.ts';
import { clockLength } from './time.ts';
import { useStore } from './ui.tsx';

export function SignIn() {
  const store = useStore();
  const t = store.t.value;
  const busy = useSignal(false);
  const wrong = useSignal<string | null>(null);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector('input')?.focus(), []);

  const onSubmit = async (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const [name, password] = [String(fields.get('name')).trim(), String(fields.get('password'))];
    if (busy.value || !name || !password) {
      wrong.value = name && password ? wrong.value : t('signIn.empty');
      return;
    }
    busy.value = true;
    wrong.value = null;
    try {
      await store.signIn(name, password);
    } catch (error) {
      wrong.value = refusal(error);
      form.current?.querySelector<HTMLInputElement>('[name=password]')?.select();
    }
    busy.value = false;
  };
  const refusal = (error: unknown) => {
    const code = codeOf(error);
    if (code === 'auth' || code === 'forbidden') return t('signIn.wrong');
    if (code === 'rate') return t('signIn.wait', { time: clockLength(error instanceof ApiError ? error.retryMs : 0) });
    return t(errorKey(code));
  };
  const problem = wrong.value ?? (store.why.value ? t(store.why.value) : null);

  return (
    <main class="sign-in">
      <section class="sign-in-card">
        <header>
          <Logo />
          <h1>{t('signIn.title')}</h1>
          <p>{t('signIn.lead')}</p>
        </header>
        <form ref={form} onSubmit={(event) => void onSubmit(event)} noValidate>
          <div class="problem-place" aria-live="assertive">
            {problem && (
              <p class="problem" id="sign-in-problem">
                <Icon name="alert" />
                {problem}
              </p>
            )}
          </div>
          <label class="field">
            <span>{t('signIn.name')}</span>
            <input
              name="name"
              autocomplete="username"
              autocapitalize="none"
              spellcheck={false}
              required
              aria-invalid={wrong.value !== null}
              aria-describedby={problem ? 'sign-in-problem' : undefined}
            />
          </label>
          <label class="field">
            <span>{t('signIn.password')}</span>
            <input
              name="password"
              type="password"
              autocomplete="current-password"
              required
              aria-invalid={wrong.value !== null}
            />
          </label>
          <button type="submit" class="button button-primary button-wide" aria-disabled={busy.value}>
            {busy.value && <span class="spinner" aria-hidden="true" />}
            {t(busy.value ? 'signIn.busy' : 'signIn.do')}
          </button>
        </form>
        <footer>
          <LanguageSelect />
          <ThemeSegments />
        </footer>
      </section>
    </main>
  );
}
