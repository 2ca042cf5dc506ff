package state

import (
	"bytes"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"kohe/relay"
)

func drawMessage(t *rapid.T) relay.Message {
	number := rapid.SampledFrom([]uint64{0, 1, 23, 24, 255, 256, math.MaxUint16, math.MaxUint16 + 1, math.MaxUint32, math.MaxUint32 + 1, math.MaxUint64})
	word := rapid.OneOf(rapid.Just(""), rapid.String(), rapid.StringN(250, 300, -1))
	return relay.Message{
		Session: sid(rapid.IntRange(0, 255).Draw(t, "session")), Epoch: uint32(number.Draw(t, "epoch")), Seq: number.Draw(t, "seq"),
		Author: relay.Author{Role: relay.Role(word.Draw(t, "role")), ID: word.Draw(t, "author"), Name: word.Draw(t, "name")},
		ID:     word.Draw(t, "id"), Kind: relay.MessageKind(word.Draw(t, "kind")), Text: word.Draw(t, "text"), At: int64(number.Draw(t, "at")),
	}
}

// TestMessagesHaveTheFormOfEveryOtherRow compares what is written without
// reflection with what encoder writes, and what is read with what decoder reads.
func TestMessagesHaveTheFormOfEveryOtherRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Append{Session: sid(1), Epoch: 7, At: -noon}
		if rapid.Bool().Draw(t, "any") {
			c.Messages, c.At = []relay.Message{}, noon
		}
		for range rapid.IntRange(0, 3).Draw(t, "messages") {
			m := drawMessage(t)
			c.Messages = append(c.Messages, m)
			row := marshal(messageRow{Epoch: m.Epoch, Author: m.Author, ID: m.ID, Kind: m.Kind, Text: m.Text, At: m.At})
			if got := form(nil).row(m); !bytes.Equal(got, row) {
				t.Fatalf("row %x; want %x", got, row)
			}
			if got := form(nil).uint(m.Seq); !bytes.Equal(got, marshal(m.Seq)) {
				t.Fatalf("number %x; want %x", got, marshal(m.Seq))
			}
		}
		body := marshal(c)
		if got := form(nil).append(c); !bytes.Equal(got, body) {
			t.Fatalf("append %x; want %x", got, body)
		}
		sameAppend(t, body)
	})
}

// sameAppend says whether readAppend reads what decoder reads, if anything.
func sameAppend(t interface{ Fatalf(string, ...any) }, body []byte) bool {
	got, ok := readAppend(body)
	if !ok {
		return false
	}
	var want Append
	if err := decoder.Unmarshal(body, &want); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%x: %+v; decoder reads %+v, %v", body, got, want, err)
	}
	return true
}

func TestWhatOriginsSendIsReadWithoutReflection(t *testing.T) {
	c := Append{Session: sid(1), Epoch: 1, Messages: []relay.Message{text(1, 1, visitor(1), "a", "tere"), text(1, 2, relay.Author{Role: relay.RoleSystem}, "joined-1", "")}, At: noon}
	if !sameAppend(t, Encode(c)[1:]) {
		t.Error("left to decoder")
	}
}

func FuzzReadAppend(f *testing.F) {
	f.Add(Encode(Append{Session: sid(1), Epoch: 1, Messages: []relay.Message{text(1, 1, visitor(1), "a", "tere"), text(1, 2, visitor(1), "", "")}, At: noon})[1:])
	f.Add(Encode(Append{At: -1})[1:])
	f.Fuzz(func(t *testing.T, body []byte) { sameAppend(t, body) })
}
