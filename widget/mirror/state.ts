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
  if (on === dialog.matches(':modal')) return;
  if (on) {
    dialog.removeAttribute('open');
    if (dialog.isConnected) dialog.showModal();
  } else {
    const open = dialog.hasAttribute('open');
    dialog.setAttribute('open', '');
    dialog.close();
    if (open) dialog.setAttribute('open', '');
  }
}

function popover(el: HTMLElement, on: boolean): void {
  try {
    if (on !== matches(el, ':popover-open')) togglePopover(el, on);
  } catch {
    // a browser without popovers, or one that is not connected
  }
}
