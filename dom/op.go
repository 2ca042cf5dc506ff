package dom

// Format is the version of the format that this package reads and writes.
const Format = 2

// Bits of a message's first byte.
const (
	headSnapshot = 1 << iota // replaces whatever there was
	headPartial              // more must follow before the page is whole
	headSpan                 // from and to are written out
	headHash                 // a check: the id of a node and its sum
	headDeflated             // alone: a message deflated, after its length
	headSeen                 // alone: a message without what was seen before
	headShort    = 0x40      // instead: the lower bits are the version modulo 64, and nothing else is said
	headColumn   = 0x80      // with any of these: the length of the operations, and after them their strings
	headKnown    = headSnapshot | headPartial | headSpan | headHash
)

// Code is an operation's kind.
type Code uint8

// The operations. FORMAT.md says what each one holds.
const (
	OpPage     Code = 1
	OpViewport Code = 2
	OpInsert   Code = 3
	OpRemove   Code = 4
	OpMove     Code = 5
	OpText     Code = 6
	OpAttr     Code = 7
	OpUnset    Code = 8
	OpValue    Code = 9
	OpState    Code = 10
	OpScroll   Code = 11
	OpFocus    Code = 12
	OpHover    Code = 13
	OpSheet    Code = 14
	OpRule     Code = 15
	OpAdopt    Code = 16
	OpFreeze   Code = 17
	OpRange    Code = 18
	OpAnimate  Code = 19
	OpImage    Code = 20
	OpCustom   Code = 21
	OpAlike    Code = 22
	OpMedia    Code = 23
)

// How a splice is written.
const (
	spliceAt     = iota // start, remove, text
	spliceInsert        // start, text
	spliceTail          // remove (at the end), text
	spliceAppend        // text
	spliceSet           // the whole
)

// How a rule changes.
const (
	ruleInsert = iota
	ruleDelete
	ruleReplace
)

// Kinds of node that are neither text nor element.
const (
	specialEnd            = 0
	specialShadow         = 1
	specialExisting       = 2
	specialDocument       = 3
	specialShadowManual   = 4
	specialQuirksDocument = 5
)

// Bits of a node's state.
const (
	StateChecked = 1 << iota
	StateSelected
	StateIndeterminate
	StateModal
	StatePopover
	StateDisabledSheet
	StateUserInvalid
	StateUndefined
)

// PageQuirks is the bit of a page that is shown in quirks mode.
const PageQuirks = 1

// Document is the id of the document node.
const Document = 1

// splice is a change of a string. Units are UTF-16 code units, as in a browser.
type splice struct {
	k             uint8
	start, remove int
	text          string
}

// answers says that a viewport has the visitor's answers to media queries.
const answers = 1

// viewport is the visitor's window: CSS pixels, the width of a classic scroll
// bar, pinch zoom and device pixel ratio in hundredths.
type viewport struct {
	width, height, bar, zoom, ratio uint32

	answered bool
	answers  uint32 // FORMAT.md lists the bits
}

// Pointer is where the visitor's pointer is, in CSS pixels of the viewport.
type Pointer struct {
	X, Y    int
	Buttons uint32
	Target  uint32 // id of the node under it, 0 for none
}

// DecodePointer reads a pointer record.
func DecodePointer(b []byte) (Pointer, error) {
	r := reader{b: b}
	p := Pointer{X: r.int(), Y: r.int(), Buttons: r.uint(), Target: r.uint()}
	if r.err == nil && !r.done() {
		r.fail("%d bytes too many", len(b)-r.at)
	}
	return p, r.err
}
