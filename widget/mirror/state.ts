// States that are not attributes: ticks, chosen options, dialogs, popovers.
import { State } from '../capture/format.ts';

export function setState(el: Element, bits: number): void {
  const on = (bit: number): boolean => (bits & bit) !== 0;
  switch (el.localName) {
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
  el.toggleAttribute('kohe-user-invalid', on(State.userInvalid));
  el.toggleAttribute('kohe-undefined', on(State.undefined));
  if (el.hasAttribute('popover')) popover(el as HTMLElement, on(State.popover));
}

export function isField(node: Node): node is HTMLInputElement | HTMLTextAreaElement {
  return node.nodeName === 'TEXTAREA' || (node.nodeName === 'INPUT' && (node as HTMLInputElement).type !== 'file');
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
    if (on !== el.matches(':popover-open')) el.togglePopover(on);
  } catch {
    // a browser without popovers, or one that is not connected
  }
}
