// The button in the page's corner. It says what is true now: someone can answer,
// all are busy, or closed; and while the chat is minimised, what is new in it.

import type { Translate } from '../i18n/index.ts';
import type { Button } from '../wire/payload.ts';
import type { ButtonText } from './button-texts.ts';
import { h, icon, say, set } from './dom.ts';
import * as icons from './icons.ts';

/** How the button looks while a chat is on: a label (an agent's name, a place) and what is unread. */
export interface ChatFace {
  label: string;
  unread: number;
}

export class Launcher {
  readonly element: HTMLButtonElement;
  private readonly label = h('span', { class: 'label' });
  private readonly note = h('span', { class: 'note' });
  private readonly badge = h('span', { class: 'badge', hidden: true });
  private tone = '';

  constructor(
    private readonly t: Translate<ButtonText>,
    press: () => void,
  ) {
    const words = h('span', { class: 'words' }, this.label, this.note);
    this.element = h('button', { class: 'launcher', type: 'button', hidden: true }, words, this.badge);
    this.element.addEventListener('click', press);
  }

  /** Draws what the node said last; null: it cannot be reached, so nothing is promised. */
  truth(button: Button | null): void {
    const { state, waiting = 0 } = button ?? {};
    if (!state) this.hide();
    else this.draw(state, this.t(state), state === 'busy' && waiting ? this.t('waiting', { n: waiting }) : '', 0);
  }

  chat(face: ChatFace): void {
    this.draw('chat', face.label, '', face.unread);
  }

  hide(): void {
    this.element.hidden = true;
  }

  private draw(tone: string, label: string, note: string, unread: number): void {
    if (tone !== this.tone) {
      this.element.querySelector('svg')?.remove();
      this.element.prepend(icon(tone === 'closed' ? icons.letter : icons.bubble));
      set(this.element, 'data-tone', tone);
      this.tone = tone;
    }
    say(this.label, label);
    say(this.note, note);
    this.badge.hidden = !unread;
    say(this.badge, unread > 99 ? '99+' : String(unread));
    const news = unread ? this.t('unread', { n: unread }) : '';
    set(this.element, 'aria-label', [label, note, news].filter(Boolean).join(', '));
    this.element.hidden = false;
  }
}

/** The button's sheet; the colours come from palette(). */
export const launcherStyle = `
:host{all:initial!important;display:block!important;position:fixed!important;z-index:2147483647!important;
inset:auto 0 0 auto!important;width:0!important;height:0!important;
font:15px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif!important}
*,::before,::after{box-sizing:border-box}
[hidden]{display:none!important}
.icon{width:24px;height:24px;flex:none;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.launcher{position:fixed;inset-block-end:calc(20px + env(safe-area-inset-bottom));inset-inline-end:20px;
display:flex;align-items:center;gap:10px;min-height:52px;max-width:calc(100vw - 40px);padding:8px 20px 8px 16px;margin:0;
border:1px solid transparent;border-radius:20px 20px 6px 20px;background:var(--accent);color:var(--on-accent);
font:inherit;font-weight:600;text-align:start;cursor:pointer;box-shadow:0 6px 24px var(--shadow);
animation:rise .28s cubic-bezier(.2,.8,.2,1);transition:background-color .15s,transform .15s}
.at-start .launcher{inset-inline:20px auto;border-radius:20px 20px 20px 6px}
.launcher:hover{background:var(--accent-hover);transform:translateY(-1px)}
.launcher:active{transform:none}
:focus{outline:none}
:focus-visible{outline:3px solid var(--accent-ink);outline-offset:2px}
.launcher:focus-visible{box-shadow:0 0 0 2px var(--surface),0 6px 24px var(--shadow)}
.words{display:grid;overflow:hidden}
.label,.note{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.note{font-size:13px;font-weight:400}
.note:empty{display:none}
.badge{position:absolute;inset-block-start:-7px;inset-inline-start:-7px;min-width:22px;height:22px;padding:0 6px;border-radius:11px;
background:var(--danger);color:var(--surface);font-size:12px;line-height:22px;text-align:center;box-shadow:0 0 0 2px var(--surface)}
@keyframes rise{from{opacity:0;transform:translateY(12px)}}
@media(max-width:479.98px){.launcher{inset-inline-end:16px;inset-block-end:calc(16px + env(safe-area-inset-bottom))}
.at-start .launcher{inset-inline-start:16px}
.launcher:not([data-tone=closed]):not([data-tone=chat]){padding:13px}
.launcher:not([data-tone=closed]):not([data-tone=chat]) .words{display:none}}
@media(prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
@media(forced-colors:active){.launcher,.badge{border-color:ButtonBorder;forced-color-adjust:auto}}
@media print{:host{display:none!important}}
`;
