// Fields are filled in as if the visitor had: through the browser's own setters,
// past what a framework has put before them, and with the events that they
// listen to.

/** What a field cannot be given by anybody but the visitor. */
const own = new Set(['file', 'password', 'hidden', 'submit', 'button', 'reset', 'image']);

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

/** Gives a field a value; false if it does not take one. */
export function fill(el: Element, text: string): boolean {
  const view = el.ownerDocument.defaultView;
  if (!view) return false;
  if (el instanceof view.HTMLInputElement) {
    if (own.has(el.type) || barred(el)) return false;
    if (el.type === 'checkbox' || el.type === 'radio') {
      if (el.checked !== (text === 'on')) el.click();
      return true;
    }
    return put(el, view.HTMLInputElement.prototype, text);
  }
  if (el instanceof view.HTMLTextAreaElement) return !barred(el) && put(el, view.HTMLTextAreaElement.prototype, text);
  if (el instanceof view.HTMLSelectElement) {
    const known = [...el.options].some(({ value, disabled }) => value === text && !disabled);
    return known && !el.disabled && put(el, view.HTMLSelectElement.prototype, text);
  }
  if (!(el instanceof view.HTMLElement) || !el.isContentEditable) return false;
  el.textContent = text;
  tell(el, view, text);
  return true;
}

function barred(field: HTMLInputElement | HTMLTextAreaElement): boolean {
  return field.disabled || field.readOnly;
}

function put(field: Field, prototype: object, text: string): boolean {
  if (field.value === text) return true;
  const view = field.ownerDocument.defaultView as Window & typeof globalThis;
  Object.getOwnPropertyDescriptor(prototype, 'value')?.set?.call(field, text);
  tell(field, view, text);
  return true;
}

function tell(el: Element, view: Window & typeof globalThis, data: string): void {
  el.dispatchEvent(
    new view.InputEvent('input', { bubbles: true, composed: true, inputType: 'insertReplacementText', data }),
  );
  el.dispatchEvent(new view.Event('change', { bubbles: true }));
}

/** Whether a button sends its form to another site. A field of the form can be called "action". */
function leads(control: Element): boolean {
  const { form, type } = control as HTMLButtonElement;
  if (!form || !/^(?:submit|image)$/.test(type)) return false;
  const to = document.createElement('a');
  to.href = control.getAttribute('formaction') ?? form.getAttribute('action') ?? '';
  return to.origin !== location.origin;
}

/** Clicks as the visitor would; false where that would lead out of the site, or to their files. */
export function click(el: Element): boolean {
  const link = el.closest('a[href], area[href]') as HTMLAnchorElement | null;
  if (link && (link.origin !== location.origin || link.hasAttribute('download'))) return false;
  const control = el.closest('label')?.control ?? el;
  if (control.matches('input[type=file i], :disabled') || leads(control)) return false;
  (el as HTMLElement).click?.();
  return typeof (el as HTMLElement).click === 'function';
}
