// What of the visitor's page is hidden from the agent: what the mirror shows to
// be masked, and what the edge has refused. It says so before the agent tries;
// the edge and the visitor's page decide.

import { BULLET } from '../capture/format.ts';
import { attributeNames, attributeOf, closest } from '../native.ts';
import type { SiteView } from '../wire/payload.ts';

const always = ['input[type=password i]', '[data-kohe-mask]'];
const bullets = new RegExp(`^[${BULLET}\\s]*${BULLET}[${BULLET}\\s]*$`);

export class Hidden {
  readonly #refused = new WeakSet<Element>();

  constructor(private readonly site: Pick<SiteView, 'mask' | 'mask_all' | 'unmask'> = {}) {}

  has(element: Element): boolean {
    const { mask = [], mask_all: all, unmask = [] } = this.site;
    return (
      this.#refused.has(element) ||
      within(element, [...always, ...mask]) ||
      masked(element) ||
      (all === true && !within(element, ['[data-kohe-unmask]', ...unmask]))
    );
  }

  /** The edge does not let anybody do anything there. */
  refuse(element: Element): void {
    this.#refused.add(element);
  }
}

/** A mask leaves bullets of what an attribute says; pages themselves write them into placeholders only. */
function masked(element: Element): boolean {
  return attributeNames(element).some(
    (name) => name !== 'placeholder' && name !== 'value' && bullets.test(attributeOf(element, name) ?? ''),
  );
}

function within(element: Element, selectors: readonly string[]): boolean {
  return selectors.some((selector) => {
    try {
      return closest(element, selector) !== null;
    } catch {
      return false; // what this browser cannot read hides nothing here
    }
  });
}
