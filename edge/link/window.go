package link

import "kohe/relay"

// window tells the first copy of a numbered frame from the second: the highest
// sequence seen on the stream, and which of the seenAhead above it came in
// datagrams. Its owner serialises calls.
type window struct {
	high uint64
	seen [seenAhead / 64]uint64 // bit seq % seenAhead
}

// What a datagram's sequence says.
type freshness uint8

const (
	fresh     freshness = iota
	duplicate           // a copy was handled
	ahead               // too far above the stream to be remembered
)

// datagram takes note of a sequence that came in a datagram.
func (w *window) datagram(seq uint64) freshness {
	switch {
	case seq <= w.high:
		return duplicate
	case seq-w.high > seenAhead:
		return ahead
	}
	word, bit := w.at(seq)
	if *word&bit != 0 {
		return duplicate
	}
	*word |= bit
	return fresh
}

// stream takes note of a sequence that came on the stream, where they follow
// each other without a gap.
func (w *window) stream(seq uint64) (freshness, error) {
	if seq != w.high+1 {
		return fresh, relay.Errorf(relay.CodeProtocol, "A frame has the sequence %d where %d follows.", seq, w.high+1)
	}
	w.high = seq
	word, bit := w.at(seq)
	if *word&bit != 0 {
		*word &^= bit
		return duplicate, nil
	}
	return fresh, nil
}

func (w *window) at(seq uint64) (word *uint64, bit uint64) {
	i := seq % seenAhead
	return &w.seen[i/64], 1 << (i % 64)
}
