// Package page keeps the pages of a node's live sessions: each is the tree of
// what the visitor sees, after masks and sanitiser (DESIGN 11). Messages from
// the visitor go through Apply and on to the viewers; whoever comes late or
// falls behind is served from the tree, and the visitor's browser does nothing.
//
// Pages and Page are safe for concurrent use and start no goroutines.
package page

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"kohe/dom"
	"kohe/dom/mask"
	"kohe/relay"
)

// Limits of one page's messages. A burst is what a large snapshot takes.
const (
	maxBytesPerSecond = 2 << 20
	maxBytesBurst     = 32 << 20
	maxPerSecond      = 120 // messages; a capture sends at most one a frame
	maxBurst          = 600
	maxOpsPerSecond   = 500_000
	maxOpsBurst       = 2_000_000
	countedPerOp      = 32 // bytes whose words are counted in the time of an operation
)

// DefaultBudget is how many bytes the trees of a node may hold together.
const DefaultBudget = 1 << 30

// deflateFrom is the length in bytes from which a message to a late viewer is
// deflated.
const deflateFrom = 4 << 10

// longest is the longest string in a snapshot that would be over the limit of
// a frame otherwise: what goes is images by content.
const longest = 32 << 10

// One message of so many that are forwarded carries a check, if it is short
// enough that the check fits.
const (
	checkEvery = 16
	checkBelow = dom.MaxMessage - 64 // bytes
)

// Rules are what a site has to say about its pages: what is masked besides the
// masks that every site has.
type Rules mask.Site

// Pages are the pages of a node. Their trees share one budget of memory.
type Pages struct {
	budget  int64
	now     func() time.Time
	metrics *Metrics
	held    atomic.Int64 // bytes of all trees
}

// New returns Pages with a budget in bytes, 0 for the default. The metrics may
// be nil.
func New(budget int64, metrics *Metrics) *Pages {
	if budget == 0 {
		budget = DefaultBudget
	}
	if metrics == nil {
		metrics = NewMetrics(nil)
	}
	return &Pages{budget: budget, now: time.Now, metrics: metrics}
}

// Held returns how many bytes the trees hold, by their own count.
func (p *Pages) Held() int64 { return p.held.Load() }

// Page is one session's page.
type Page struct {
	pages   *Pages
	session relay.ID
	bytes   *rate.Limiter
	count   *rate.Limiter
	ops     *rate.Limiter

	mu     sync.Mutex // guards what follows
	tree   *dom.Tree
	seen   dom.Seen
	held   int64 // what these two count for in pages.held
	closed bool

	forwarded int // messages
}

// Open returns an empty page, which waits for a snapshot. A selector outside
// the subset is an error; sites are saved only with rules that Check accepts.
func (p *Pages) Open(session relay.ID, rules Rules) (*Page, error) {
	tree, err := NewTree(rules)
	if err != nil {
		return nil, &relay.Error{Code: relay.CodeInvalid, Text: "A mask of this site cannot be read.", Err: err}
	}
	began := p.now()
	tree.Clock = func() time.Duration { return p.now().Sub(began) }
	p.metrics.open.Inc()
	return &Page{
		pages: p, session: session, tree: tree,
		bytes: rate.NewLimiter(maxBytesPerSecond, maxBytesBurst),
		count: rate.NewLimiter(maxPerSecond, maxBurst),
		ops:   rate.NewLimiter(maxOpsPerSecond, maxOpsBurst),
	}, nil
}

// Check says whether a site's rules can be enforced.
func Check(rules Rules) error {
	if _, err := mask.NewRules(mask.Site(rules)); err != nil {
		return &relay.Error{Code: relay.CodeInvalid, Text: "This mask cannot be used: " + err.Error(), Err: err}
	}
	return nil
}

// Apply applies a message of the visitor's and returns what to forward to the
// viewers, with the version that it takes them to: the message itself if
// nothing in it had to be filtered, else the difference it made. forward is nil
// if it made none. An error for which Lost is true means that the edge should
// ask the visitor for a snapshot.
func (p *Page) Apply(msg []byte) (forward []byte, version uint64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, 0, relay.Errorf(relay.CodeGone, "The page is not shared any more.")
	}
	m := p.pages.metrics
	if err := p.admit(msg); err != nil {
		m.refused.WithLabelValues(string(relay.CodeOf(err))).Inc()
		return nil, p.tree.Version(), err
	}
	before := p.tree.Version()
	whole, applied, err := p.apply(msg)
	p.charge(applied.Ops + p.seen.Counted()/countedPerOp)
	if err == nil {
		p.seen.Take(whole, applied)
		err = p.settle()
	} else {
		err = coded(err)
		p.hold()
	}
	if err != nil {
		m.refused.WithLabelValues(string(relay.CodeOf(err))).Inc()
		return nil, p.tree.Version(), err
	}
	m.messages.Inc()
	m.bytes.Add(float64(len(msg)))
	version = p.tree.Version()
	forward = whole
	if applied.Filtered {
		m.filtered.Inc()
		forward = p.tree.Delta(before)
	}
	if p.forwarded++; p.forwarded%checkEvery == 0 && len(forward) < checkBelow {
		forward = p.tree.Stamp(forward)
	}
	return p.wrap(forward), version, nil
}

// apply applies a message as it was before the visitor's browser made it
// shorter, and returns that. Viewers get what the edge has read, deflated by
// the edge: two readers may take one deflated text for different ones.
func (p *Page) apply(msg []byte) (whole []byte, applied dom.Applied, err error) {
	if whole, err = p.seen.Whole(msg); err == nil {
		applied, err = p.tree.Apply(whole)
	}
	return whole, applied, err
}

// Seen returns the sum of what the visitor need not send again, "" for nothing.
// It is what this visitor sent in this session, and nobody else ever gets it.
func (p *Page) Seen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.Sum()
}

// Diverged counts a viewer that found its page to be another one and was given
// it anew.
func (p *Page) Diverged() { p.pages.metrics.diverged.Inc() }

// Lost reports whether the page can only go on with a snapshot: messages are
// missing, or were refused.
func Lost(err error) bool {
	switch relay.CodeOf(err) {
	case relay.CodeStale, relay.CodeRate, relay.CodeUnavailable:
		return true
	}
	return false
}

// admit checks a message against the page's rates.
func (p *Page) admit(msg []byte) error {
	if len(msg) > dom.MaxMessage {
		return relay.Errorf(relay.CodeTooLarge, "A page message has at most %d bytes.", dom.MaxMessage)
	}
	now := p.pages.now()
	if !p.count.AllowN(now, 1) || !p.bytes.AllowN(now, len(msg)) || p.ops.TokensAt(now) < 0 {
		return &relay.Error{Code: relay.CodeRate, Text: "The page changes too fast to be shown.", Retry: time.Second}
	}
	return nil
}

// charge charges a message's operations; a debt refuses the next one.
func (p *Page) charge(ops int) { p.ops.ReserveN(p.pages.now(), min(ops, maxOpsBurst)) }

// settle brings the node's count of bytes up to date. If the node holds too
// much, the page gives up what was seen, and then its tree.
func (p *Page) settle() error {
	if p.hold() <= p.pages.budget {
		return nil
	}
	p.seen = dom.Seen{}
	if p.hold() <= p.pages.budget {
		return nil
	}
	p.reset()
	return &relay.Error{Code: relay.CodeUnavailable, Text: "The page cannot be shown just now.", Retry: 30 * time.Second}
}

// hold counts what this page holds and returns what all of them do, in bytes.
func (p *Page) hold() int64 {
	held := int64(p.tree.Bytes() + p.seen.Len())
	total := p.pages.held.Add(held - p.held)
	p.held = held
	p.pages.metrics.held.Set(float64(total))
	return total
}

func (p *Page) reset() {
	p.tree.Reset()
	p.seen = dom.Seen{}
	p.hold()
}

// coded turns an error of dom into one that the visitor's browser may see.
func coded(err error) error {
	e := &relay.Error{Code: relay.CodeMalformed, Text: "A page message cannot be read.", Err: err}
	switch {
	case errors.Is(err, dom.ErrGap):
		e.Code, e.Text = relay.CodeStale, "Page messages are missing."
	case errors.Is(err, dom.ErrTooLarge):
		e.Code, e.Text = relay.CodeTooLarge, "The page is too large to be shown."
	}
	return e
}

// Snapshot returns a message that shows the page as it is now, and its version;
// nil if there is none yet. It has at most dom.MaxMessage bytes: if need be,
// without its longest strings.
func (p *Page) Snapshot() (msg []byte, version uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pages.metrics.snapshots.Inc()
	return p.wrap(p.tree.Snapshot()), p.tree.Version()
}

// maxWhole is how long a page is in a recording, which deflates it itself.
const maxWhole = 3 << 20 // bytes

// Whole returns the page as it is now for a recording, not deflated unless it is
// very long; nil if there is none yet.
func (p *Page) Whole() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tree.Empty() {
		return nil
	}
	msg := p.tree.Snapshot()
	if len(msg) > maxWhole {
		return p.wrap(msg)
	}
	return msg
}

// Delta returns a message that takes a viewer from a version to now; nil if
// they are the same. It costs what changed since.
func (p *Page) Delta(since uint64) (msg []byte, version uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pages.metrics.deltas.Inc()
	return p.wrap(p.tree.Delta(since)), p.tree.Version()
}

// wrap deflates a long message, and cuts one that is too long even so.
func (p *Page) wrap(msg []byte) []byte {
	if len(msg) < deflateFrom {
		return msg
	}
	if deflated := dom.Deflate(msg); len(deflated) <= dom.MaxMessage {
		return deflated
	}
	p.pages.metrics.excerpts.Inc()
	if deflated := dom.Deflate(p.tree.Excerpt(longest)); len(deflated) <= dom.MaxMessage {
		return deflated
	}
	return dom.Deflate(p.tree.Excerpt(1 << 10))
}

// Where returns the address and title of the page, and whether all of it is
// here.
func (p *Page) Where() (url, title string, whole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	url, title = p.tree.Page()
	return url, title, !p.tree.Empty() && !p.tree.Partial()
}

// Close gives the page's memory back. Apply fails from now on.
func (p *Page) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	p.reset()
	p.pages.metrics.open.Dec()
}
