// States of the visitor's page that the mirror cannot have by itself: nothing
// in it is ever hovered or focused. The pseudo-classes become attributes that
// the mirror sets; an attribute selector weighs as much as a pseudo-class.

const states = /(\\.)|:(hover|focus-visible|focus-within|focus|active|user-invalid)(?![-\w(])/g;

export function withStates(css: string): string {
  if (!css.includes(':')) return css;
  return css.replace(states, (_, escaped: string | undefined, state: string) => escaped ?? `[kohe-${state}]`);
}

/** Declared in a layer, so that whatever the page says wins. */
export const base = `
@layer kohe{
[kohe-focus-visible]{outline:auto 1px -webkit-focus-ring-color}
kohe-frame{display:inline-block;border:1px solid #8884}
}
kohe-x{display:none!important}
*{caret-color:transparent!important}`;
