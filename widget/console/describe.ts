// What an element of the visitor's page says, for support: read from the mirror's
// nodes, as text only. The browser's own accessors are asked, because a field of
// a form can be called like one.

import {
  attributeOf,
  closest,
  elementById,
  hasAttribute,
  isRoot,
  localNameOf,
  matches,
  rootNodeOf,
  textOf,
} from '../native.ts';
import { clip } from './text.ts';

export type Trait = 'disabled' | 'readonly' | 'required' | 'checked' | 'expanded' | 'invalid';

export interface Description {
  element: Element;
  role: string; // as the page says, or the element's name
  name: string;
  text: string;
  traits: readonly Trait[];
  problem: string; // what is wrong with its value
  leads: string; // where a link goes
}

const longest = 300; // characters of a text
const told =
  'a[href], button, input, select, textarea, label, summary, option, img, h1, h2, h3, h4, h5, h6, p, li, td, th, [role], [contenteditable]';

/** What can be pressed or filled in: what the arrow keys go to. */
export const pressable =
  'a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button], [contenteditable]';

const roles: Record<string, string> = { a: 'link', select: 'list', textarea: 'text', img: 'image', p: 'text' };

export function describe(at: Element): Description {
  const element = closest(at, told) ?? at;
  return {
    element,
    role: roleOf(element),
    name: clip(nameOf(element), longest),
    text: clip(shownIn(element), longest),
    traits: traitsOf(element),
    problem: clip(problemOf(element), longest),
    leads: clip(attributeOf(element, 'href') ?? '', longest),
  };
}

function roleOf(el: Element): string {
  const tag = localNameOf(el);
  if (tag === 'input') return attributeOf(el, 'type') ?? 'text';
  return attributeOf(el, 'role') ?? roles[tag] ?? tag;
}

function nameOf(el: Element): string {
  const labels = (el as HTMLInputElement).labels as NodeListOf<HTMLElement> | undefined;
  const named = texts(el, 'aria-labelledby') || attributeOf(el, 'aria-label') || '';
  return named || (labels?.[0] ? shownIn(labels[0]) : '') || attributeOf(el, 'alt') || attributeOf(el, 'title') || '';
}

const words = (text: string): string => text.replace(/\s+/g, ' ').trim();

function shownIn(el: Element): string {
  return localNameOf(el) === 'select' ? '' : words(textOf(el) ?? '');
}

function traitsOf(el: Element): Trait[] {
  const is: Record<Trait, boolean> = {
    disabled: matches(el, ':disabled') || attributeOf(el, 'aria-disabled') === 'true',
    readonly: hasAttribute(el, 'readonly') || attributeOf(el, 'aria-readonly') === 'true',
    required: hasAttribute(el, 'required') || attributeOf(el, 'aria-required') === 'true',
    checked: matches(el, ':checked') || attributeOf(el, 'aria-checked') === 'true',
    expanded: attributeOf(el, 'aria-expanded') === 'true',
    invalid:
      attributeOf(el, 'aria-invalid') === 'true' || hasAttribute(el, 'kohe-user-invalid') || matches(el, ':invalid'),
  };
  return (Object.keys(is) as Trait[]).filter((trait) => is[trait]);
}

/** What the page says is wrong, else what a browser would. */
function problemOf(el: Element): string {
  const said =
    texts(el, 'aria-errormessage') || (attributeOf(el, 'aria-invalid') === 'true' && texts(el, 'aria-describedby'));
  return said || ((el as Partial<HTMLInputElement>).validationMessage ?? '');
}

/** The texts of the elements that an attribute names. */
function texts(el: Element, attribute: string): string {
  const ids = attributeOf(el, attribute)?.split(/\s+/).slice(0, 4) ?? [];
  const root = rootNodeOf(el);
  const named = isRoot(root) ? ids.map((id) => elementById(root as Document | ShadowRoot, id)) : [];
  return words(named.map((one) => (one && textOf(one)) ?? '').join(' '));
}
