// The static tables of page format 1: the words of dom/names.txt in their order (a test compares). A ␣ stands for a space.

const words = (table: string): string[] => table.split(/\s+/).map((word) => word.replaceAll('␣', ' '));

export const tags =
  words(`div span a p li td tr i b svg:path svg:svg button img input label ul option th section h2 h3 br svg:g strong em nav
kohe-x link style meta html head body title table tbody thead tfoot caption colgroup col form select textarea optgroup
fieldset legend datalist output progress meter details summary dialog header footer main article aside h1 h4 h5 h6 ol
dl dt dd hr pre code blockquote q cite abbr small sub sup u s del ins mark kbd samp var time address figure figcaption
picture source video audio track canvas map area iframe kohe-frame template slot wbr bdi bdo ruby rt rp data menu
search hgroup center font nobr tt big svg:use svg:defs svg:symbol svg:rect svg:circle svg:ellipse svg:line
svg:polyline svg:polygon svg:text svg:tspan svg:textPath svg:title svg:desc svg:image svg:clipPath svg:mask
svg:pattern svg:linearGradient svg:radialGradient svg:stop svg:filter svg:feGaussianBlur svg:feOffset svg:feBlend
svg:feColorMatrix svg:feFlood svg:feComposite svg:feMerge svg:feMergeNode svg:marker svg:foreignObject svg:style svg:a
svg:switch svg:view svg:animate svg:animateTransform math:math math:mi math:mn math:mo math:mrow math:mfrac math:msup
math:msub math:msqrt math:mtext math:mtable math:mtr math:mtd`);

export const attrs =
  words(`class id style href src type name value title alt role tabindex width height rel target for placeholder disabled
checked selected hidden d fill stroke viewBox xmlns data-id data-testid aria-label aria-hidden aria-expanded
aria-controls aria-labelledby aria-describedby aria-selected aria-current aria-haspopup aria-live aria-checked
aria-disabled aria-pressed aria-invalid aria-required aria-modal aria-atomic aria-busy aria-orientation aria-valuenow
aria-valuemin aria-valuemax aria-valuetext aria-level aria-setsize aria-posinset aria-owns aria-activedescendant
aria-autocomplete aria-readonly aria-multiselectable aria-sort aria-roledescription lang dir content charset property
media srcset sizes loading decoding autocomplete required readonly multiple min max step pattern maxlength minlength
size rows cols wrap open colspan rowspan scope headers datetime cite label contenteditable spellcheck draggable
translate slot part is poster controls muted loop autoplay playsinline preload popover inert enterkeyhint inputmode
accept list stroke-width stroke-linecap stroke-linejoin stroke-dasharray stroke-dashoffset stroke-opacity
stroke-miterlimit fill-rule clip-rule fill-opacity opacity transform x y x1 y1 x2 y2 cx cy r rx ry points offset
stop-color stop-opacity gradientUnits gradientTransform patternUnits clip-path mask filter preserveAspectRatio
xlink:href focusable version text-anchor dominant-baseline font-size font-family font-weight letter-spacing dx dy
marker-end marker-start data-kohe-mask align valign bgcolor border cellpadding cellspacing color face background
nowrap start reversed itemprop itemscope itemtype data-index data-key data-value data-state data-name data-type
shadowrootmode usemap shape coords vector-effect pathLength xml:lang xml:space`);

export const values =
  words(`true false 0 1 2 -1 100% none auto on off text button submit checkbox radio hidden password email tel number search
date file image link img presentation dialog menu menuitem listbox option tab tabpanel tablist row cell gridcell grid
group navigation main banner status alert heading list listitem tooltip combobox page polite assertive _blank noopener
noreferrer stylesheet icon currentColor #fff #000 round evenodd nonzero en ltr rtl lazy async 24 16 20 32 48 0␣0␣24␣24
0␣0␣20␣20 0␣0␣16␣16 http://www.w3.org/2000/svg http://www.w3.org/1999/xlink xMidYMid userSpaceOnUse one-time-code`);
