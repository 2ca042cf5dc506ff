// A file of SVG made of nodes. It has no CSP (Firefox gives none to what `use`
// draws), so it may hold only what loads nothing: shapes, and styles without addresses.
import {
  append,
  attributeNames,
  attributeOf,
  childrenOf,
  documentOf,
  isElement,
  isText,
  localNameOf,
  namespaceOf,
  newElementNS,
  newText,
  setAttribute,
  textOf,
} from '../native.ts';

export const SVG = 'http://www.w3.org/2000/svg';

const shapes =
  /^(?:svg|g|symbol|defs|use|path|rect|circle|ellipse|line|polyline|polygon|text|tspan|title|desc|style|linearGradient|radialGradient|stop|clipPath|mask|pattern|marker|filter|fe(?!Image$)[A-Z]\w+)$/;
const loads = /\\|(?:url|src|image|image-set|cross-fade)\s*\((?!\s*["']?#)/i;

/** The text of a file with nodes in it. */
export function drawingOf(nodes: Iterable<Node>): string {
  const file = document.implementation.createDocument(SVG, 'svg');
  for (const node of nodes) copy(node, file.documentElement);
  return new XMLSerializer().serializeToString(file);
}

function copy(node: Node, to: Element): void {
  const file = documentOf(to) as Document;
  if (isText(node)) append(to, newText(file, node.data));
  else if (isElement(node) && namespaceOf(node) === SVG && shapes.test(localNameOf(node))) {
    const el = newElementNS(file, SVG, localNameOf(node));
    for (const name of attributeNames(node)) {
      const value = attributeOf(node, name) ?? '';
      if (/^[\w-]+$/.test(name) && !loads.test(value) && (name !== 'href' || value[0] === '#'))
        setAttribute(el, name, value);
    }
    append(to, el);
    if (localNameOf(node) !== 'style') for (const child of childrenOf(node)) copy(child, el);
    else {
      const css = textOf(node) ?? ''; // what is harmless apart may not be together
      if (!loads.test(css) && !css.includes('@')) append(el, newText(file, css));
    }
  }
}
