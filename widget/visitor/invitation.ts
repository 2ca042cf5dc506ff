// An agent's invitation: a small card beside the button. Accepting opens the
// chat; who declines is not asked again in this tab, nobody else twice in an hour.

import { h, say } from './dom.ts';
import { invitationTexts } from './invitation-texts.ts';
import type { Shell } from './shell.ts';
import type { Store } from './store.ts';
import { palette } from './theme.ts';

const again = 3_600_000; // ms until the same site may invite once more

/** How long ago the last invitation was, ms; 0: long enough. Who declined in this tab has just been invited. */
export function invited(store: Store): number {
  if (store.load('sessionStorage', 'declined')) return 1;
  const ago = Date.now() - Number(store.load('localStorage', 'invited') ?? Number.NaN);
  return ago >= 0 && ago < again ? Math.max(1, ago) : 0;
}

/** Shows an invitation and says once what became of it. */
export function showInvitation(shell: Shell, by: string, answer: (accept: boolean) => void): void {
  const { store, settings, frame, root, launcher } = shell;
  if (!shell.resting || invited(store) || frame.querySelector('.invite')) return;
  store.save('localStorage', 'invited', Date.now());
  const t = invitationTexts[settings.lang];
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(palette(settings.color || store.memory.color, settings.theme) + style);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];

  const text = h('p', { role: 'status' });
  const yes = h('button', { class: 'invite-yes', type: 'button' }, t.accept);
  const no = h('button', { type: 'button' }, t.decline);
  const card = h('section', { class: 'invite', 'aria-label': t.label }, text, h('div', {}, yes, no));
  const close = (accept: boolean): void => {
    if (!card.isConnected) return;
    card.remove();
    root.adoptedStyleSheets = root.adoptedStyleSheets.filter((other) => other !== sheet);
    if (accept) store.save('localStorage', 'invited', undefined);
    else store.save('sessionStorage', 'declined', true);
    answer(accept);
  };
  const decline = (): void => {
    const inside = card.contains(root.activeElement);
    close(false);
    if (inside) launcher.element.focus();
  };
  yes.addEventListener('click', () => launcher.element.click());
  no.addEventListener('click', decline);
  card.addEventListener('keydown', ({ key }) => key === 'Escape' && decline());
  launcher.element.addEventListener('click', () => close(true), { capture: true, once: true }); // before the socket closes
  frame.prepend(card);
  requestAnimationFrame(() => say(text, t.text.replace('{name}', by))); // so that it is read out
}

const style = `
.invite{position:fixed;inset-block-end:calc(84px + env(safe-area-inset-bottom));inset-inline-end:20px;inline-size:300px;max-inline-size:calc(100vw - 40px);
padding:16px;background:var(--surface);color:var(--ink);border:1px solid var(--line);border-radius:18px 18px 6px 18px;
box-shadow:0 2px 6px var(--shadow),0 18px 48px var(--shadow);animation:rise .24s cubic-bezier(.2,.8,.2,1)}
.at-start .invite{inset-inline:20px auto;border-radius:18px 18px 18px 6px}
.invite p{margin:0 0 12px;min-block-size:21px;overflow-wrap:anywhere}
.invite div{display:flex;flex-wrap:wrap;gap:8px}
.invite button{flex:1;min-block-size:40px;padding:6px 14px;margin:0;border:1px solid var(--edge);border-radius:12px;background:none;
color:inherit;font:inherit;font-weight:600;cursor:pointer}
.invite button:hover{background:var(--raised)}
.invite .invite-yes{border-color:transparent;background:var(--accent);color:var(--on-accent)}
.invite .invite-yes:hover{background:var(--accent-hover)}
.invite button:focus-visible{outline:3px solid var(--accent-ink);outline-offset:2px}
`;
