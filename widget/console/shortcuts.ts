// Which key does what. Keys with a modifier work everywhere; single keys only
// outside text fields and only while the agent leaves them on (WCAG 2.1.4).

import type { Tool } from './tools.tsx';

export type Action =
  | { do: 'accept' | 'decline' | 'search' | 'help' | 'reply' | 'next' | 'previous' }
  | { do: 'switch'; place: number }
  | { do: 'tool'; tool: Tool }
  | { do: 'follow' };

export interface Stroke {
  key: string;
  code: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
}

/** Returns what a key stroke asks for, or null. `writing`: the focus is where text is typed. */
export function actionOf(stroke: Stroke, writing: boolean, singleKeys: boolean): Action | null {
  const { key, code, ctrlKey, altKey, metaKey } = stroke;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(code);
  if (digit && !metaKey && ctrlKey !== altKey) return { do: 'switch', place: Number(digit[1]) };
  if (altKey && !ctrlKey && !metaKey) return withAlt[code] ?? null;
  if (writing || !singleKeys || ctrlKey || altKey || metaKey) return null;
  const tool = (Object.keys(toolKeys) as Tool[]).find((one) => toolKeys[one] === key);
  return tool ? { do: 'tool', tool } : (single[key] ?? null);
}

const withAlt: Record<string, Action> = {
  KeyA: { do: 'accept' },
  KeyD: { do: 'decline' },
  ArrowDown: { do: 'next' },
  ArrowUp: { do: 'previous' },
};

const single: Record<string, Action> = {
  a: { do: 'accept' },
  r: { do: 'reply' },
  '/': { do: 'search' },
  '?': { do: 'help' },
  g: { do: 'follow' },
};

/** The keys of the tools on the visitor's page. */
export const toolKeys: Record<Tool, string> = {
  look: 'l',
  inspect: 'i',
  point: 'p',
  arrow: 'w',
  box: 'x',
  pen: 'd',
  scroll: 'b',
  fill: 'f',
  click: 'c',
};
