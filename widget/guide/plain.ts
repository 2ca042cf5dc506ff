// The text of what is edited in place (contenteditable), with a line break where
// one is seen. Both browsers read it from their own copy of the same nodes, so
// that a version of it has one name at both.

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
    for (const node of parent.childNodes) {
      if (node.nodeType === 3) {
        read.places.push({ node: node as Text, from: read.text.length });
        read.text += (node as Text).data;
      } else if (node.nodeName === 'BR') {
        if (node.nextSibling) read.text += '\n'; // the last one of a line only keeps it open
      } else if (node.nodeType === 1) {
        if (block.test(node.nodeName) && read.text && !read.text.endsWith('\n')) read.text += '\n';
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
  el.replaceChildren(...lines.flatMap((line, i) => (i ? [el.ownerDocument.createElement('br'), line] : [line])));
}
