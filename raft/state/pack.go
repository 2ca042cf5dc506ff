package state

import (
	"encoding/binary"

	"kohe/relay"
)

// Several Appends can share an entry of the log. They are applied one after
// another as entries of their own would be, and the Result's Value is theirs, a
// []Result in order. A pack begins with kindPack; each command follows its
// length (uvarint). Other commands have entries of their own, because the index
// is the version of what they change; in a pack they are refused.
const kindPack = 0xff

// MaxPack is how many commands a pack has at most.
const MaxPack = 256

// Packs reports whether a command, Encode's, may be one of a pack.
func Packs(command []byte) bool {
	return len(command) > 0 && commandKind(command[0]) == kindAppend
}

// Pack returns an entry with these commands, at most MaxPack.
func Pack(commands [][]byte) []byte {
	size := 1
	for _, c := range commands {
		size += binary.MaxVarintLen32 + len(c)
	}
	data := append(make([]byte, 0, size), kindPack)
	for _, c := range commands {
		data = append(binary.AppendUvarint(data, uint64(len(c))), c...)
	}
	return data
}

var errPack = relay.Errorf(relay.CodeMalformed, "A pack of commands that cannot be read.")

// unpack returns the commands of a pack.
func unpack(data []byte) (commands [][]byte, err error) {
	for data = data[1:]; len(data) > 0; {
		length, n := binary.Uvarint(data)
		if n <= 0 || length > uint64(len(data)-n) || len(commands) == MaxPack {
			return nil, errPack
		}
		commands, data = append(commands, data[n:n+int(length)]), data[n+int(length):]
	}
	return commands, nil
}

// applyPack applies the commands of a pack.
func (t *txn) applyPack(data []byte, repeated bool) Result {
	commands, err := unpack(data)
	if err != nil {
		return Result{Err: err}
	}
	results := make([]Result, len(commands))
	for i, c := range commands {
		if results[i].Err = errPack; Packs(c) {
			results[i] = t.applyOne(c, repeated)
		}
	}
	return Result{Value: results}
}
