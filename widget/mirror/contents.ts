// What nodes of the mirror hold. What is shown may be another value than what
// came: stripped, or with states as attributes. Splices apply to what came.
import { BULLET } from '../capture/format.ts';
import {
  attributeOf,
  isElement,
  isText,
  localNameOf,
  newElement,
  newElementNS,
  parentOf,
  removeAttribute,
  setAttribute,
  setAttributeNS,
} from '../native.ts';
import { asks, shownCss } from './css.ts';
import type { Media } from './media.ts';
import type { Nodes } from './nodes.ts';
import { type Reader, readSplice } from './reader.ts';
import { isFrame, safeAttribute, safeCss, safePicture, safeTag } from './safe.ts';
import { isField } from './state.ts';

const HTML = 'http://www.w3.org/1999/xhtml';
const namespaces: Record<string, string> = {
  svg: 'http://www.w3.org/2000/svg',
  math: 'http://www.w3.org/1998/Math/MathML',
  html: HTML,
};
const attributeNamespaces: Record<string, string> = {
  xlink: 'http://www.w3.org/1999/xlink',
  xml: 'http://www.w3.org/XML/1998/namespace',
  xmlns: 'http://www.w3.org/2000/xmlns/',
};

const masked = new RegExp(`^\\s*${BULLET}[${BULLET}\\s]*$`);
const answered = ['media', 'sizes', 'content', 'style']; // attributes that the visitor's browser has a say in

export const isStyle = (node: Node | null): boolean => isElement(node) && localNameOf(node) === 'style';

export class Contents {
  readonly #raw = new WeakMap<Node, Map<string, string>>(); // only where another value is shown
  readonly #tags = new WeakMap<Node, string>();
  readonly #values = new WeakMap<Node, string>(); // of fields
  readonly #pictures = new WeakMap<Node, string>(); // of canvases and videos, as CSS

  constructor(
    readonly nodes: Nodes,
    readonly media: Media,
  ) {}

  /** Reads a change of a text and returns the style element that it is in, if it is. */
  readText(r: Reader, k: number): Node | null {
    const node = this.nodes.get(r.ref());
    const edit = readSplice(r, k, false);
    if (!isText(node)) return null;
    const parent = parentOf(node);
    const style = isStyle(parent);
    this.setText(node, edit(this.text(node)), style);
    return style ? parent : null;
  }

  readAttribute(r: Reader, k: number): void {
    const el = this.nodes.element(r.ref());
    const name = r.attrName();
    const edit = readSplice(r, k, true);
    if (el) this.#set(el, name, edit(this.#attribute(el, name)));
  }

  /** Reads an attribute that many elements got. */
  readAlike(r: Reader): void {
    const name = r.attrName();
    const value = r.str();
    for (const id of r.set()) {
      const el = this.nodes.element(id);
      if (el) this.#set(el, name, value);
    }
  }

  readUnset(r: Reader): void {
    const el = this.nodes.element(r.ref());
    const name = r.attrName();
    if (el) this.#unset(el, name);
  }

  readValue(r: Reader, k: number): void {
    const field = this.nodes.element(r.ref());
    const edit = readSplice(r, k, false);
    if (!field || !isField(field)) return;
    const value = edit(this.#values.get(field) ?? '');
    this.#values.set(field, value);
    if (field.value !== value) field.value = value;
  }

  /** Reads what a canvas or video shows: a picture of so many hundredths of its size, or none. */
  readPicture(r: Reader): void {
    const el = this.nodes.element(r.ref());
    const percent = r.u();
    const url = r.plain();
    if (!el || !/^(?:canvas|video)$/.test(localNameOf(el))) return;
    if (!safePicture(url)) this.#pictures.delete(el);
    else this.#pictures.set(el, percent === 100 ? `url("${url}")` : `image-set(url("${url}") ${percent / 100}x)`);
    this.#dress(el as HTMLCanvasElement);
  }

  /** Makes an element with its attributes. */
  create(doc: Document, wanted: string, attributes: readonly [string, string][]): Element {
    const tag = safeTag(wanted);
    const el = element(doc, tag);
    this.#tags.set(el, tag);
    const rel = attributes.find(([name]) => name === 'rel')?.[1] ?? '';
    for (const [name, value] of attributes) this.#show(el, tag, name, value, rel);
    if (isFrame(tag)) setAttribute(el, 'sandbox', 'allow-same-origin');
    if (tag === 'kohe-frame') setAttribute(el, tag, '');
    if (tag === 'canvas') this.#dress(el as HTMLCanvasElement);
    return el;
  }

  text(node: Text): string {
    return this.#raw.get(node)?.get('') ?? node.data;
  }

  setText(node: Text, text: string, style: boolean): void {
    if (style) this.#keep(node, '', text);
    node.data = !style ? text : safeCss(text) ? shownCss(text, this.media) : '';
  }

  #attribute(el: Element, name: string): string {
    return this.#raw.get(el)?.get(name) ?? attributeOf(el, name) ?? '';
  }

  #set(el: Element, name: string, value: string): void {
    const tag = this.#tags.get(el) ?? localNameOf(el);
    this.#show(el, tag, name, value, name === 'rel' ? value : this.#attribute(el, 'rel'));
    if (tag === 'canvas' || this.#pictures.has(el)) this.#dress(el as HTMLCanvasElement);
    const href = name === 'rel' ? this.#attribute(el, 'href') : '';
    if (href !== '') this.#show(el, tag, 'href', href, value);
  }

  #unset(el: Element, name: string): void {
    this.#raw.get(el)?.delete(name);
    removeAttribute(el, name);
    if (name === 'rel') removeAttribute(el, 'href');
    if (localNameOf(el) === 'canvas' || this.#pictures.has(el)) this.#dress(el as HTMLCanvasElement);
  }

  /** A canvas without scripts shows nothing and has no size: CSS gives it a picture, or a blank one of its size. A video gets one only if there is one. */
  #dress(el: HTMLCanvasElement | HTMLVideoElement): void {
    const picture = this.#pictures.get(el);
    if (!picture && localNameOf(el) === 'video') {
      el.style.removeProperty('content');
      return;
    }
    const blank = `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='${el.width}' height='${el.height}'/>`;
    el.style.setProperty('content', picture ?? `url("${blank}")`, 'important');
  }

  /** A value as the visitor has it, where the agent's browser, or the agent, would understand another thing. */
  #answered(name: string, value: string | null): string | null {
    if (!value) return value;
    if (name === 'media' || name === 'sizes') return this.media.query(value);
    if (name === 'content') return this.media.scheme(value);
    if (name === 'placeholder' && masked.test(value)) return '…'; // or an empty field would look filled in
    return name === 'style' && asks(value) ? shownCss(`;${value}`, this.media).slice(1) : value;
  }

  /** The visitor's browser answers media queries in another way. */
  again(): void {
    for (const node of this.nodes.all()) {
      if (isText(node)) {
        const text = this.#raw.get(node)?.get('');
        if (text !== undefined && asks(text)) this.setText(node, text, true);
      } else if (isElement(node)) {
        for (const name of answered) {
          const value = this.#attribute(node, name);
          if (value !== '') this.#set(node, name, value);
        }
      }
    }
  }

  #keep(node: Node, name: string, value: string): void {
    const raws = this.#raw.get(node);
    if (raws) raws.set(name, value);
    else this.#raw.set(node, new Map([[name, value]]));
  }

  #show(el: Element, tag: string, name: string, value: string, rel: string): void {
    const safe = name.startsWith('kohe-') ? null : this.#answered(name, safeAttribute(tag, name, value, rel));
    if (safe !== value || name === 'style')
      this.#keep(el, name, value); // an agent's extension may write styles
    else this.#raw.get(el)?.delete(name);
    if (safe === null) {
      removeAttribute(el, name);
      return;
    }
    const prefix = /^(xlink|xml|xmlns)(?::|$)/.exec(name)?.[1];
    try {
      if (prefix) setAttributeNS(el, attributeNamespaces[prefix] as string, name, safe);
      else setAttribute(el, name, safe);
    } catch {
      // a name that only a parser can make
    }
  }
}

function element(doc: Document, tag: string): Element {
  const [, prefix, local] = /^(svg|math|html):(.+)$/s.exec(tag) ?? [null, 'html', tag];
  try {
    return newElementNS(doc, namespaces[prefix as string] ?? HTML, isFrame(tag) ? 'iframe' : (local as string));
  } catch {
    return newElement(doc, 'kohe-x'); // a name that only a parser can make
  }
}
