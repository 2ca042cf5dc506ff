// Searches bytes for words, also in what is deflated among them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';

const shortest = 64; // bytes: what inflates to less is no message

/** Bytes as Latin-1 text, and everything that inflates from any place in them. */
export function readable(bytes) {
  const texts = [bytes.toString('latin1')];
  for (let at = 0; at < bytes.length; at++) {
    if ((bytes[at] & 7) > 5) continue; // not the beginning of a block (RFC 1951 §3.2.3)
    try {
      const { buffer, engine } = inflateRawSync(bytes.subarray(at), { info: true });
      if (buffer.length >= shortest && engine.bytesWritten > 0) texts.push(buffer.toString('latin1'));
    } catch {
      // nothing begins here
    }
  }
  return texts.join('\n');
}

/** All that is in the files of a folder. What a store compresses with Snappy has a random word, the first time, as it is. */
export function readFolder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name), 'latin1'))
    .join('\n');
}

/** The pieces of a word, so long, that are in a text. */
export function pieces(text, word, length) {
  const windows = Array.from({ length: word.length - length + 1 }, (_, i) => word.slice(i, i + length));
  return windows.filter((window) => text.includes(window));
}
