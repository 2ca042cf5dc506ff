package dom

// Limits of one tree. Over one of them Apply fails with ErrTooLarge.
const (
	MaxNodes    = 200_000    // nodes, the document included
	MaxDepth    = 512        // elements and shadow roots on the way from the document to a node
	MaxChildren = 100_000    // children of one node
	MaxAttrs    = 512        // attributes of one element, those once removed included
	MaxString   = 8 << 20    // bytes of one text, value or attribute
	MaxRules    = 100_000    // rules of one style sheet
	MaxSheets   = 10_000     // constructed style sheets
	MaxAdopted  = 1_000      // sheets that one root adopts
	MaxFrames   = 100        // documents of frames; what is beyond is not shown
	MaxRanges   = 1_000      // ranges marked under one name
	MaxBytes    = 64 << 20   // bytes that a tree holds, by its own count
	MaxID       = 1 << 30    // ids of nodes and sheets are below
	MaxMessage  = 1<<20 - 16 // bytes of a message on the wire
	MaxInflated = 32 << 20   // bytes of a deflated message
	maxTable    = 16384      // strings in a message's table
	maxTabled   = 250        // UTF-16 code units of the longest string in it
	maxGone     = 65536      // removals remembered for Delta
	maxStates   = 1_000      // bytes of a custom element's states

	MaxAnimations = 100 // animations of one element that scripts made
	MaxHighlights = 100 // names that something is marked under; what is beyond is not shown
)

// What a node and an attribute cost in the count towards MaxBytes, besides
// their strings: roughly their size in memory.
const (
	nodeCost = 200
	attrCost = 48
	ruleCost = 16

	animationCost = 80
	rangeCost     = 16
)
