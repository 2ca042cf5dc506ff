package dom

import (
	"encoding/binary"
	"unicode/utf16"
)

// checkTries is how many ids are looked at for a node to check.
const checkTries = 64

// Stamp returns a message that leads to this version with a check of one node:
// in turn the node that changed last and the next of all. A viewer that has
// another there has lost its way. A deflated message is returned as it is.
func (t *Tree) Stamp(msg []byte) []byte {
	if len(msg) == 0 || msg[0] == headDeflated || msg[0]&headShort == 0 && msg[0]&headHash != 0 {
		return msg
	}
	n, at := t.sample(), 1
	out := make([]byte, 0, len(msg)+checkLength+1)
	if msg[0]&headShort != 0 {
		out = append(out, headHash|msg[0]&headColumn, byte(t.to))
	} else {
		at = headLength(msg)
		out = append(out, msg[0]|headHash)
		out = append(out, msg[1:at]...)
	}
	out = binary.BigEndian.AppendUint32(out, n.id)
	out = binary.BigEndian.AppendUint32(out, n.sum())
	return append(out, msg[at:]...)
}

// checkLength is what a check takes in a message, in bytes.
const checkLength = 8

// headLength returns how many bytes come before the check, in a message whose
// head is not short.
func headLength(msg []byte) int {
	if msg[0]&headSpan == 0 {
		return 2
	}
	at := 1
	for range 2 {
		_, n := binary.Uvarint(msg[at:])
		at += n
	}
	if msg[0]&headSnapshot != 0 {
		at++
	}
	return at
}

// sample returns the node to check next.
func (t *Tree) sample() *Node {
	t.samples++
	if t.samples%2 == 1 && t.newest != nil {
		return t.newest
	}
	for range checkTries {
		if t.sampled++; t.sampled > t.high {
			t.sampled = Document
		}
		if n := t.nodes[t.sampled]; n != nil {
			return n
		}
	}
	return t.doc
}

// FNV-1a, 32 bits, a code unit or an id at a time.
const (
	fnvOffset = 2166136261
	fnvPrime  = 16777619
)

// sum is the check of a node: of a text's code units, or of the ids of the root
// inside and the children.
func (n *Node) sum() uint32 {
	h := uint32(fnvOffset)
	add := func(v uint32) { h = (h ^ v) * fnvPrime }
	if n.kind == KindText {
		for _, c := range n.shownText() {
			if c > 0xffff {
				hi, lo := utf16.EncodeRune(c)
				add(uint32(hi))
				c = lo
			}
			add(uint32(c))
		}
		return h
	}
	if n.root != nil {
		add(n.root.id)
	}
	for c := range n.Children() {
		add(c.id)
	}
	return h
}
