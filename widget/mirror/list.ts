// The open list of a select, which browsers draw outside the page.
import { boxIn } from '../guide/anchor.ts';
import { documentOf, isConnected, localNameOf, viewOf } from '../native.ts';

const most = 500; // rows
const seen = 20; // rows at once
const paper = 'background:#fff;color:#111;border:1px solid #767676;box-shadow:0 4px 14px #0004';

export class List {
  readonly element = document.createElement('div');
  #select: HTMLSelectElement | null = null;
  #offset = { left: 0, top: 0, scale: 1 };
  #shown = '';

  constructor(readonly page: () => Document | null) {
    this.element.className = 'kohe-list';
    this.element.setAttribute('aria-hidden', 'true');
    this.element.hidden = true;
  }

  /** A select's list is open, or no longer. */
  listed(select: Element, open: boolean): void {
    if (open) this.#select = select as HTMLSelectElement;
    else if (select === this.#select) this.#select = null;
    this.draw();
  }

  /** Where the page lies in the container, and its scale. */
  place(left: number, top: number, scale: number): void {
    this.#offset = { left, top, scale };
    this.draw();
  }

  /** Draws it where its select is now. */
  draw(): void {
    const { element } = this;
    const select = this.#select;
    if (!select && element.hidden) return; // as it is nearly always, in every frame
    const page = this.page();
    element.hidden = !(select && page && isConnected(select));
    if (!select || !page || element.hidden) return;
    const { left, top, scale } = this.#offset;
    const box = boxIn(select, page);
    const style = viewOf(documentOf(select) as Document)?.getComputedStyle(select);
    const size = Number.parseFloat(style?.fontSize ?? '13') * scale;
    element.style.cssText = `position:absolute;box-sizing:border-box;pointer-events:none;overflow:hidden;${paper};padding:2px 0;min-width:${box.width * scale}px;max-height:${seen * 1.5}em;font-family:${style?.fontFamily ?? 'sans-serif'};font-size:${size}px;line-height:1.5;white-space:nowrap;direction:${style?.direction ?? 'ltr'}`;
    this.#fill(select);
    const below = top + box.bottom * scale;
    const above = top + box.top * scale - element.offsetHeight;
    const room = element.parentElement?.clientHeight ?? 0;
    element.style.left = `${left + box.left * scale}px`;
    element.style.top = `${below + element.offsetHeight > room && above >= 0 ? above : below}px`;
  }

  #fill(select: HTMLSelectElement): void {
    const rows = [...select.querySelectorAll('option,optgroup')].slice(0, most) as HTMLOptionElement[];
    const told = JSON.stringify(rows.map((row) => [row.label, row.selected, row.disabled]));
    if (told === this.#shown) return;
    this.#shown = told;
    this.element.replaceChildren(
      ...rows.map((row) => {
        const line = document.createElement('div');
        line.textContent = row.label || '\u00a0';
        const group = localNameOf(row) === 'optgroup';
        const inside = !group && row.parentElement !== select;
        line.style.cssText = `padding:0 ${inside ? 1.6 : 0.6}em;${group ? 'font-weight:bold;' : ''}${row.disabled ? 'opacity:.5;' : ''}${row.selected ? 'background:#1a5fb4;color:#fff' : ''}`;
        return line;
      }),
    );
    const chosen = this.element.children[rows.findIndex((row) => row.selected)] as HTMLElement | undefined;
    this.element.scrollTop = (chosen?.offsetTop ?? 0) - this.element.clientHeight / 2;
  }
}
