// Page messages as they were before the visitor's browser made them short (dom/FORMAT.md, "Seen" and "Words"): what a
// search for secrets has to look through.
import { inflateRawSync } from 'node:zlib';

const PAGE_DIFF = 0x80;
const SESSION = 16; // bytes of a session's id, in front of the message
const most = 512 << 10; // bytes of a snapshot that can be referred to
const pattern = /https?:\/\/[^\0- "'()<>?#]*\/|[\w\x80-\xff]+/g;

/** Reads numbers and bytes. */
class Reader {
  at = 0;
  constructor(bytes) {
    this.bytes = bytes;
  }
  u() {
    let n = 0;
    for (let scale = 1; ; scale *= 128) {
      const b = this.bytes[this.at++];
      n += (b & 127) * scale;
      if (b < 128) return n;
    }
  }
  z() {
    const n = this.u();
    return n % 2 ? -(n + 1) / 2 : n / 2;
  }
  take(n) {
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }
  part() {
    const [length, deflated] = [this.u(), this.u()];
    return deflated ? inflateRawSync(this.take(deflated)) : this.take(length);
  }
}

/** The whole page messages in what a visitor's WebSockets or streams took, as text of a character a byte. */
export function pageMessages(sent) {
  const out = [];
  let [last, now] = ['', []]; // the last whole snapshot; messages of the one under way
  let open = false;
  for (const text of sent) {
    const r = new Reader(Buffer.from(text, 'latin1'));
    while (r.at < r.bytes.length) {
      const kind = r.take(1)[0];
      const length = r.u();
      r.u(); // its number
      const payload = r.take(length);
      if (kind !== PAGE_DIFF) continue;
      const message = whole(payload.subarray(SESSION), last, now);
      out.push(message);
      const head = message.charCodeAt(0) & 64 ? 0 : message.charCodeAt(0);
      if (head & 1) [open, now] = [true, []];
      if (!open) continue;
      now.push(message.slice(0, most - now.join('').length));
      if (head & 2) continue;
      [last, now, open] = [now.join(''), [], false];
    }
  }
  return out;
}

function whole(bytes, last, now) {
  if (bytes[0] !== 32) return bytes.toString('latin1');
  const r = new Reader(bytes.subarray(1));
  const sum = r.take(8).toString('hex');
  const pieces = [[last, ...now], now].find((list) => sumOf(list.join('')) === sum);
  if (!pieces) throw new Error('a page message refers to what was not sent');
  const length = r.u();
  const [frame, codes, figures] = [new Reader(r.part()), new Reader(r.part()), new Reader(r.part())];
  const steps = new Reader(frame.take(frame.u()));
  let fresh = frame.take(frame.u()).toString('latin1');
  const told = frame.take(frame.u()).toString('latin1');
  const words = [...(told ? told.split(' ') : []), ...frequent(pieces)];
  fresh += textOf(frame.bytes.subarray(frame.at), codes, figures, words);
  const seen = pieces.join('');
  let [out, from] = ['', 0];
  while (steps.at < steps.bytes.length) {
    const [add, n] = [steps.u(), steps.u()];
    from += steps.z();
    out += fresh.slice(0, add) + seen.slice(from, from + n);
    fresh = fresh.slice(add);
    from += n;
  }
  if (out.length !== length) throw new Error(`a page message of ${out.length} bytes instead of ${length}`);
  return out;
}

function sumOf(text) {
  return [2166136261, ~2166136261]
    .map((start) => {
      let n = start;
      for (let i = 0; i < text.length; i++) n = Math.imul(n ^ text.charCodeAt(i), 16777619);
      return (n >>> 0).toString(16).padStart(8, '0');
    })
    .join('');
}

function frequent(pieces) {
  const counts = new Map();
  for (const piece of pieces)
    for (const [match] of piece.matchAll(pattern)) {
      if (match.length < 2 || match.length > 64) continue;
      const word = /^[A-Z]/.test(match) ? match[0].toLowerCase() + match.slice(1) : match;
      if (counts.has(word) || counts.size < 16_384) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  const often = [...counts].filter(([, n]) => n > 1).sort((a, b) => b[1] - a[1]);
  return often.map(([word]) => word);
}

function textOf(outline, codes, figures, words) {
  let [out, afterWord, other] = ['', false, false];
  const word = () => {
    const code = codes.take(1)[0];
    const found = words[code < 240 ? code : 240 + (code - 240) * 256 + codes.take(1)[0]];
    const capital = /^[a-z].*[^/]$/.test(found) && (/(?:^|\0)$/.test(out.slice(-1)) && !afterWord) !== other;
    out += (afterWord ? ' ' : '') + (capital ? found[0].toUpperCase() + found.slice(1) : found);
    [afterWord, other] = [!found.endsWith('/'), false];
  };
  for (let at = 0; at < outline.length; at++) {
    const c = outline[at];
    if (c === 3) other = true;
    else if (c >= 128 && c < 192) for (let n = c - 127; n > 0; n--) word();
    else {
      if (c === 2) {
        const end = outline.indexOf(2, at + 1) < 0 ? outline.length : outline.indexOf(2, at + 1);
        out += outline.subarray(at + 1, end).toString('latin1') || '\x02';
        at = end;
      } else out += c < 128 ? String.fromCharCode(c) : figures.take(c - 191).toString('latin1');
      afterWord = false;
    }
  }
  return out;
}
