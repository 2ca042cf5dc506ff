// What the transcript says of an act on the visitor's page: "fill E-mail".

/** What the edge calls an element that says nothing of itself. */
const tags =
  /^(?:html|body|main|div|span|section|article|header|footer|nav|aside|form|fieldset|p|h[1-6]|[uod]l|li|d[td]|table|t(?:body|head|foot|[rdh])|figure|img|picture|video|canvas|svg|path|g|input|textarea|select|button|a|label|summary|i|b|em|strong|small)$/;

/** Returns the deed, and what it was done to; '' where that has no name but its page's code. */
export function readDeed(text: string): { deed: string; what: string } {
  const [deed = '', what = ''] = text.split(/ (.*)/s);
  return { deed, what: tags.test(what) ? '' : what };
}
