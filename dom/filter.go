package dom

// Filter decides what of a page is shown. It is asked about resulting values,
// never about operations, so that what is assembled from harmless pieces is
// judged as a whole. Each answer must depend on its arguments and the
// element's present attributes alone, and answering on its own answer must
// change nothing.
type Filter interface {
	// Tag returns the tag to have in place of one.
	Tag(tag string) string
	// Attr returns what to show of an attribute, or false for nothing.
	Attr(el *Node, name, value string) (string, bool)
	// Related reports whether the answers about an element's other attributes
	// depend on this one.
	Related(el *Node, name string) bool
	// CSS reports whether a rule or the text of a style element may be shown.
	CSS(text string) bool
	// Picture reports whether an address may be what a canvas shows.
	Picture(url string) bool
	// Masks reports whether a rule masks an element and all that is in it. It
	// may look at the element's ancestors, siblings not.
	Masks(el *Node) bool
	// MaskedBy reports whether Masks may answer otherwise, for an element or
	// what is in it, when this attribute of it changes.
	MaskedBy(el *Node, name string) bool
	// Masked returns what a masked attribute, text ("") or value ("=") becomes,
	// or false for nothing.
	Masked(el *Node, name, value string) (string, bool)
	// MaskedCSS returns what CSS text becomes in a masked place.
	MaskedCSS(text string) string
	// All reports whether everything is masked that no element shows.
	All() bool
	// Shows reports whether an element shows what is in it although all is
	// masked. What a rule masks stays masked.
	Shows(el *Node) bool
	// Page returns a document's address and title as they may be shown.
	Page(url, title string) (string, string)
}

// Open shows everything. It is for trees that are fed by an edge that filters.
type Open struct{}

// Tag keeps the tag.
func (Open) Tag(tag string) string { return tag }

// Attr keeps the value.
func (Open) Attr(_ *Node, _, value string) (string, bool) { return value, true }

// Related sees no relation.
func (Open) Related(*Node, string) bool { return false }

// CSS keeps the text.
func (Open) CSS(string) bool { return true }

// Picture shows any.
func (Open) Picture(string) bool { return true }

// Masks masks nothing.
func (Open) Masks(*Node) bool { return false }

// MaskedBy masks nothing.
func (Open) MaskedBy(*Node, string) bool { return false }

// Masked keeps the value.
func (Open) Masked(_ *Node, _, value string) (string, bool) { return value, true }

// MaskedCSS keeps the text.
func (Open) MaskedCSS(text string) string { return text }

// All masks nothing.
func (Open) All() bool { return false }

// Shows is not asked.
func (Open) Shows(*Node) bool { return false }

// Page keeps both.
func (Open) Page(url, title string) (string, string) { return url, title }
