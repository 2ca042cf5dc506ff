// The text of what is edited in place (contenteditable), with a line break where
// one is seen. Both browsers read it from their own copy of the same nodes, so
// that a version of it has one name at both.

import {
  append,
  childrenOf,
  documentOf,
  isElement,
  isText,
  newElement,
  newFragment,
  nextOf,
  nodeNameOf,
  remove,
} from '../native.ts';

const block = /^(?:P|DIV|LI|UL|OL|H[1-6]|BLOCKQUOTE|PRE|TR|TABLE|SECTION|ARTICLE)$/;

interface Place {
  node: Text;
  from: number; // of its text, in the whole
}

interface Read {
  text: string;
  places: Place[];
}

export function plainText(el: Element): string {
  return readText(el).text;
}

function readText(el: Element): Read {
  const read: Read = { text: '', places: [] };
  const walk = (parent: Node): void => {
    for (const node of childrenOf(parent)) {
      if (isText(node)) {
        read.places.push({ node, from: read.text.length });
        read.text += node.data;
      } else if (nodeNameOf(node) === 'BR') {
        if (nextOf(node)) read.text += '\n'; // the last one of a line only keeps it open
      } else if (isElement(node)) {
        if (block.test(nodeNameOf(node)) && read.text && !read.text.endsWith('\n')) read.text += '\n';
        walk(node);
      }
    }
  };
  walk(el);
  return read;
}

/** Changes the text of what is edited in place: within one text node where that is enough, so that the rest keeps its form. */
export function editText(el: Element, from: number, to: number, text: string): void {
  const { text: was, places } = readText(el);
  const place = places.find(({ node, from: start }) => start <= from && to <= start + node.data.length);
  if (place && !text.includes('\n')) {
    place.node.replaceData(from - place.from, to - from, text);
    return;
  }
  const lines = (was.slice(0, from) + text + was.slice(to)).split('\n');
  const doc = documentOf(el) as Document;
  const whole = newFragment(doc);
  for (const [i, line] of lines.entries()) whole.append(...(i ? [newElement(doc, 'br'), line] : [line]));
  for (const node of [...childrenOf(el)]) remove(node);
  append(el, whole);
}
