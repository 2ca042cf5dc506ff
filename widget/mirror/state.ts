// States that are not attributes: ticks, chosen options, dialogs, popovers.
import { State } from '../capture/format.ts';
import {
  hasAttribute,
  isElement,
  localNameOf,
  matches,
  namespaceOf,
  toggleAttribute,
  togglePopover,
} from '../native.ts';

const HTML = 'http://www.w3.org/1999/xhtml';
const [slowest, fastest] = [0.0625, 16]; // that browsers play
const apart = 0.3; // s that one that plays may be from the visitor's

export function setState(el: Element, bits: number): void {
  const on = (bit: number): boolean => (bits & bit) !== 0;
  switch (localNameOf(el)) {
    case 'input':
      (el as HTMLInputElement).checked = on(State.checked);
      (el as HTMLInputElement).indeterminate = on(State.indeterminate);
      break;
    case 'option':
      choose(el as HTMLOptionElement, on(State.selected));
      break;
    case 'dialog':
      modal(el as HTMLDialogElement, on(State.modal));
      break;
    case 'style':
    case 'link': {
      const { sheet } = el as HTMLStyleElement;
      if (sheet) sheet.disabled = on(State.disabledSheet);
    }
  }
  toggleAttribute(el, 'kohe-user-invalid', on(State.userInvalid));
  toggleAttribute(el, 'kohe-undefined', on(State.undefined));
  if (hasAttribute(el, 'popover')) popover(el as HTMLElement, on(State.popover));
}

/** A video or sound as it is at the visitor's, but that it is silent while it plays. */
export function setMedia(el: Element | undefined, flags: number, time: number, rate: number): void {
  if (!el || !/^(?:audio|video)$/.test(localNameOf(el)) || namespaceOf(el) !== HTML) return;
  const media = el as HTMLMediaElement;
  const plays = (flags & 1) !== 0;
  media.muted = plays || (flags & 2) !== 0;
  media.playbackRate = Math.min(Math.max(rate / 100, slowest), fastest);
  if (!plays || Math.abs(media.currentTime - time / 1000) > apart) media.currentTime = time / 1000;
  if (plays)
    media.play()?.catch(() => {}); // it cannot be loaded here
  else media.pause();
}

export function isField(node: Node): node is HTMLInputElement | HTMLTextAreaElement {
  const name = isElement(node) && namespaceOf(node) === HTML ? localNameOf(node) : '';
  return name === 'textarea' || (name === 'input' && (node as HTMLInputElement).type !== 'file');
}

function choose(option: HTMLOptionElement, on: boolean): void {
  option.selected = on;
  const select = option.closest('select');
  if (!on && select && !select.multiple && select.selectedOptions[0]) select.selectedIndex = -1; // or the first would be chosen
}

function modal(dialog: HTMLDialogElement, on: boolean): void {
  const was = dialog.matches(':modal');
  if (!on && !was) return;
  if (was && on) dialog.close(); // it comes to the top
  if (on) {
    dialog.removeAttribute('open');
    try {
      dialog.showModal();
    } catch {
      // it is not connected, or a popover too
    }
  } else {
    const open = dialog.hasAttribute('open');
    dialog.setAttribute('open', '');
    dialog.close();
    if (open) dialog.setAttribute('open', '');
  }
}

function popover(el: HTMLElement, on: boolean): void {
  try {
    const was = matches(el, ':popover-open');
    if (on && was) togglePopover(el, false); // it comes to the top
    if (on || was) togglePopover(el, on);
  } catch {
    // a browser without popovers, or one that is not connected
  }
}
