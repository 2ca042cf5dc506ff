// Short news at the edge of the screen. They leave by themselves, so nothing is
// said only here that must be acted upon.

import { IconButton, useStore } from './ui.tsx';

export function Toasts() {
  const store = useStore();
  return (
    <div class="toasts" role="status">
      {store.toasts.value.map((toast) => (
        <div key={toast.id} class={`toast ${toast.bad ? 'toast-bad' : ''}`}>
          <span>{toast.text}</span>
          <IconButton icon="close" label={store.t.value('close')} onClick={() => store.hush(toast.id)} />
        </div>
      ))}
    </div>
  );
}
