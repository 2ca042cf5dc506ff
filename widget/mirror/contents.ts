// What nodes of the mirror hold. What is shown may be another value than what
// came: stripped, or with states as attributes. Splices apply to what came.
import { withStates } from './css.ts';
import { isFrame, safeAttribute, safeCss, safePicture, safeTag } from './safe.ts';

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

export const isStyle = (node: Node | null): boolean => node?.nodeName.toLowerCase() === 'style';

export class Contents {
  readonly #raw = new WeakMap<Node, Map<string, string>>(); // only where another value is shown
  readonly #tags = new WeakMap<Node, string>();
  readonly #pictures = new WeakMap<Node, string>(); // of canvases, as CSS

  /** Makes an element with its attributes. */
  create(doc: Document, wanted: string, attributes: readonly [string, string][]): Element {
    const tag = safeTag(wanted);
    const el = element(doc, tag);
    this.#tags.set(el, tag);
    const rel = attributes.find(([name]) => name === 'rel')?.[1] ?? '';
    for (const [name, value] of attributes) this.#show(el, tag, name, value, rel);
    if (isFrame(tag)) el.setAttribute('sandbox', 'allow-same-origin');
    if (tag === 'kohe-frame') el.setAttribute(tag, '');
    if (tag === 'canvas') this.#dress(el as HTMLCanvasElement);
    return el;
  }

  text(node: Text): string {
    return this.#raw.get(node)?.get('') ?? node.data;
  }

  setText(node: Text, text: string, style: boolean): void {
    if (style) this.#keep(node, '', text);
    node.data = !style ? text : safeCss(text) ? withStates(text) : '';
  }

  attribute(el: Element, name: string): string {
    return this.#raw.get(el)?.get(name) ?? el.getAttribute(name) ?? '';
  }

  set(el: Element, name: string, value: string): void {
    const tag = this.#tags.get(el) ?? el.localName;
    this.#show(el, tag, name, value, name === 'rel' ? value : this.attribute(el, 'rel'));
    if (tag === 'canvas') this.#dress(el as HTMLCanvasElement);
    const href = name === 'rel' ? this.attribute(el, 'href') : '';
    if (href !== '') this.#show(el, tag, 'href', href, value);
  }

  unset(el: Element, name: string): void {
    this.#raw.get(el)?.delete(name);
    el.removeAttribute(name);
    if (name === 'rel') el.removeAttribute('href');
    if (el.localName === 'canvas') this.#dress(el as HTMLCanvasElement);
  }

  /** What a canvas shows: a picture of so many hundredths of its size, or none. */
  picture(el: Element, percent: number, url: string): void {
    if (el.localName !== 'canvas') return;
    if (!safePicture(url)) this.#pictures.delete(el);
    else this.#pictures.set(el, percent === 100 ? `url("${url}")` : `image-set(url("${url}") ${percent / 100}x)`);
    this.#dress(el as HTMLCanvasElement);
  }

  /** A canvas without scripts shows nothing and has no size: CSS gives it a picture, or a blank one of its size. */
  #dress(el: HTMLCanvasElement): void {
    const blank = `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='${el.width}' height='${el.height}'/>`;
    el.style.setProperty('content', this.#pictures.get(el) ?? `url("${blank}")`, 'important');
  }

  #keep(node: Node, name: string, value: string): void {
    const raws = this.#raw.get(node);
    if (raws) raws.set(name, value);
    else this.#raw.set(node, new Map([[name, value]]));
  }

  #show(el: Element, tag: string, name: string, value: string, rel: string): void {
    const safe = name.startsWith('kohe-') ? null : safeAttribute(tag, name, value, rel);
    if (safe !== value || name === 'style')
      this.#keep(el, name, value); // an agent's extension may write styles
    else this.#raw.get(el)?.delete(name);
    if (safe === null) {
      el.removeAttribute(name);
      return;
    }
    const prefix = /^(xlink|xml|xmlns)(?::|$)/.exec(name)?.[1];
    try {
      if (prefix) el.setAttributeNS(attributeNamespaces[prefix] as string, name, safe);
      else el.setAttribute(name, safe);
    } catch {
      // a name that only a parser can make
    }
  }
}

function element(doc: Document, tag: string): Element {
  const [, prefix, local] = /^(svg|math|html):(.+)$/s.exec(tag) ?? [null, 'html', tag];
  try {
    return doc.createElementNS(namespaces[prefix as string] ?? HTML, isFrame(tag) ? 'iframe' : (local as string));
  } catch {
    return doc.createElement('kohe-x'); // a name that only a parser can make
  }
}
