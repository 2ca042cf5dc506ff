// States of the visitor's page that the mirror cannot have by itself: nothing
// in it is ever hovered or focused. The pseudo-classes become attributes that
// the mirror sets; an attribute selector weighs as much as a pseudo-class.

const states =
  /(\\.)|:(hover|focus-visible|focus-within|focus|active|user-invalid)(?![-\w(])|:(defined)(?![-\w(])|:state\(\s*([-\w]+)\s*\)/g;

export function withStates(css: string): string {
  if (!css.includes(':')) return css;
  return css.replace(
    states,
    (_, escaped?: string, state?: string, defined?: string, custom?: string) =>
      escaped ?? (state ? `[kohe-${state}]` : defined ? ':not([kohe-undefined])' : `[kohe-state~="${custom}"]`),
  );
}

/** Declared in a layer, so that whatever the page says wins. */
export const base = `
@layer kohe{
[kohe-focus-visible]{outline:auto 1px -webkit-focus-ring-color}
[kohe-frame]{border:0}
::selection{background-color:Highlight;color:HighlightText}
}
kohe-x{display:none!important}
*{caret-color:transparent!important}`;
