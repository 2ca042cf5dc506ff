// The static tables of the page format: the words of dom/names.txt in their order (a test compares). A ␣ stands for a space.

const words = (table: string): string[] => table.split(/\s+/).map((word) => word.replaceAll('␣', ' '));

export const tags =
  words(`div span a p li td tr i b svg:path svg:svg button img input label ul option th section h2 h3 br
svg:g strong em nav kohe-x link style meta html head body title table tbody thead form select
textarea h1 h4 ol header footer main article small svg:use iframe`);

export const attrs = words(`class id style href src type name value title alt role tabindex width height rel target for
placeholder disabled checked selected hidden d fill stroke viewBox xmlns data-id aria-label
aria-hidden aria-expanded aria-controls aria-labelledby lang content media srcset loading
autocomplete colspan transform data-kohe-mask`);

export const values = words(`true false 0 1 2 -1 100% none auto on off text button submit checkbox radio hidden password
stylesheet _blank noopener currentColor lazy 24 0␣0␣24␣24 http://www.w3.org/2000/svg`);
