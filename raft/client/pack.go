package client

import (
	"sync"

	"kohe/raft/state"
)

// Appends that are proposed while others are being committed go together into
// one entry of the log: an entry costs every member a row, two encodings and its
// way through Raft, whatever is in it. Few packs are under way at once, so that
// under load they fill; a proposal that finds none under way waits for nothing.
const (
	maxPacks    = 8
	maxPackSize = 12 << 10 // bytes, which the last command exceeds
)

// packer makes entries of proposals.
type packer struct {
	member member

	mu    sync.Mutex // guards what follows
	queue []proposal
	packs int // under way, each with a goroutine
}

type proposal struct {
	command []byte
	answer  chan<- settled // of one
}

// settled is what became of a proposal.
type settled struct {
	result state.Result
	err    error // it may or may not be committed
}

// apply has a command committed and applied here, if this member leads.
func (p *packer) apply(command []byte) (state.Result, error) {
	if !state.Packs(command) {
		value, err := p.member.Apply(command)
		result, _ := value.(state.Result)
		return result, err
	}
	answer := make(chan settled, 1)
	p.mu.Lock()
	p.queue = append(p.queue, proposal{command, answer})
	if p.packs < maxPacks {
		p.packs++
		go p.run()
	}
	p.mu.Unlock()
	s := <-answer
	return s.result, s.err
}

// run commits packs until nothing waits. Client.refuse waits for the proposals
// in them.
func (p *packer) run() {
	for {
		pack := p.next()
		if pack == nil {
			return
		}
		p.commit(pack)
	}
}

// next takes a pack from the queue; nil: there is none, and its goroutine ends.
func (p *packer) next() []proposal {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		p.packs--
		p.queue = nil
		return nil
	}
	n, size := 0, 0
	for n < min(len(p.queue), state.MaxPack) && size < maxPackSize {
		size += len(p.queue[n].command)
		n++
	}
	pack := p.queue[:n:n]
	p.queue = p.queue[n:]
	return pack
}

func (p *packer) commit(pack []proposal) {
	entry := pack[0].command
	if len(pack) > 1 {
		commands := make([][]byte, len(pack))
		for i, one := range pack {
			commands[i] = one.command
		}
		entry = state.Pack(commands)
	}
	value, err := p.member.Apply(entry)
	result, _ := value.(state.Result)
	results, packed := result.Value.([]state.Result)
	for i, one := range pack {
		s := settled{result, err}
		if packed {
			s.result = results[i]
		}
		one.answer <- s
	}
}
