// The button in the page's corner. It says what is true now: someone can answer,
// all are busy, or closed; and while the chat is minimised, what is new in it.

import type { Button, ButtonState } from '../wire/payload.ts';
import { h, icon, say, set } from './dom.ts';
import * as icons from './icons.ts';

/** How the button looks while a chat is on: an agent's name or a place, and what is unread, also in words. */
export interface ChatFace {
  label: string;
  unread: number;
  news: string;
}

export class Launcher {
  readonly element: HTMLButtonElement;
  private readonly label = h('span', { class: 'label' });
  private readonly note = h('span', { class: 'note' });
  private readonly count = h('span', { 'aria-hidden': 'true' });
  private readonly news = h('span', { class: 'news' });
  private readonly badge = h('span', { class: 'badge', hidden: true }, this.count, this.news);
  private tone = '';

  constructor(
    private readonly texts: Record<ButtonState | 'waiting', string>,
    press: () => void,
  ) {
    const words = h('span', { class: 'words' }, this.label, this.note);
    this.element = h('button', { class: 'launcher', type: 'button', hidden: true }, words, this.badge);
    this.element.addEventListener('click', press);
  }

  /** Draws what the node said last; null: it cannot be reached, so nothing is promised. */
  truth(button: Button | null): void {
    const { state, waiting } = button ?? {};
    if (!state) this.hide();
    else
      this.draw(
        state,
        this.texts[state],
        state === 'busy' && waiting ? this.texts.waiting.replace('{n}', `${waiting}`) : '',
      );
  }

  chat({ label, unread, news }: ChatFace): void {
    this.draw('chat', label, '', unread, news);
  }

  hide(): void {
    this.element.hidden = true;
  }

  private draw(tone: string, label: string, note: string, unread = 0, news = ''): void {
    if (tone !== this.tone) {
      this.element.querySelector('svg')?.remove();
      this.element.prepend(icon(tone === 'closed' ? icons.letter : icons.bubble));
      set(this.element, 'data-tone', tone);
      this.tone = tone;
    }
    say(this.label, label);
    say(this.note, note);
    this.badge.hidden = !unread;
    say(this.count, unread > 99 ? '99+' : String(unread));
    say(this.news, news);
    this.element.hidden = false;
  }
}

/** The button's sheet; --accent and --on-accent come from color.ts. */
export const launcherStyle = `
:host{all:initial!important;display:block!important;position:fixed!important;z-index:2147483647!important;
inset:auto 0 0 auto!important;font:15px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif!important}
*,::before,::after{box-sizing:border-box}
[hidden]{display:none!important}
.icon{width:24px;height:24px;flex:none;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.launcher{position:fixed;bottom:calc(20px + env(safe-area-inset-bottom));inset-inline-end:20px;display:flex;align-items:center;gap:10px;
min-height:52px;max-width:calc(100vw - 40px);padding:8px 20px 8px 16px;margin:0;border:1px solid transparent;
border-radius:20px 20px 6px 20px;background:var(--accent);color:var(--on-accent);font:inherit;font-weight:600;
cursor:pointer;box-shadow:0 6px 24px rgb(9 40 40/.3);animation:rise .28s cubic-bezier(.2,.8,.2,1)}
.at-start .launcher{inset-inline:20px auto;border-radius:20px 20px 20px 6px}
.launcher:hover{box-shadow:0 8px 30px rgb(9 40 40/.45)}
.launcher:focus-visible{outline:3px solid var(--on-accent);outline-offset:-5px}
.words{display:grid;overflow:hidden}
.words>*{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.note{font-size:13px;font-weight:400}
.note:empty{display:none}
.badge{position:absolute;top:-7px;inset-inline-start:-7px;min-width:24px;padding:0 5px;border-radius:12px;
border:2px solid #fff;background:#b3261e;color:#fff;font-size:12px;line-height:20px;text-align:center}
@keyframes rise{from{opacity:0;transform:translateY(12px)}}
.news{position:absolute;clip-path:inset(50%)}
@media(max-width:479.98px){[data-tone=open],[data-tone=busy]{padding:13px}
[data-tone=open] .words,[data-tone=busy] .words{position:absolute;clip-path:inset(50%)}}
@media(prefers-reduced-motion:reduce){*{animation:none!important}}
@media print{:host{display:none!important}}
`;
