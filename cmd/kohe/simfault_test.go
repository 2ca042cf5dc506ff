package main

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"kohe/raft/state"
	"kohe/relay"
)

// The weather on good and bad days.
var (
	fair = weather{delay: 500 * time.Microsecond}
	foul = weather{loss: 0.05, twice: 0.02, delay: 2 * time.Millisecond, jitter: 10 * time.Millisecond}
)

// keptFaults is how many faults are told when something is broken.
const keptFaults = 12

// harm is one kind of fault: it is done, and undone when the time it is told
// to wait is over.
type harm struct {
	name   string
	weight int
	lone   bool // not while another is going on
	do     func(s *simulation, v *server, wait func()) error
}

var harms = []harm{
	{"power cut", 3, false, func(s *simulation, v *server, wait func()) error {
		v.kill(nil, true)
		wait()
		v.start()
		return nil
	}},
	{"power cut of all", 1, true, func(s *simulation, _ *server, wait func()) error {
		for _, v := range s.all() {
			v.kill(nil, true)
		}
		wait()
		for _, v := range s.all() {
			v.start()
		}
		return nil
	}},
	{"kill", 3, false, func(s *simulation, v *server, wait func()) error {
		v.kill(nil, false)
		wait()
		v.start()
		return nil
	}},
	{"restart", 2, false, func(s *simulation, v *server, wait func()) error {
		v.shutDown(200 * time.Millisecond)
		wait()
		v.start()
		return nil
	}},
	{"partition", 3, false, func(s *simulation, v *server, wait func()) error {
		s.sever(v, true, true)
		wait()
		s.mend(v)
		return nil
	}},
	{"one-way cut", 2, false, func(s *simulation, v *server, wait func()) error {
		in := s.rng.IntN(2) == 0
		s.sever(v, in, !in)
		wait()
		s.mend(v)
		return nil
	}},
	{"loss, delay and duplication", 2, false, func(s *simulation, _ *server, wait func()) error {
		s.net.setWeather(foul)
		wait()
		s.net.setWeather(fair)
		return nil
	}},
	{"slow disk", 2, false, func(s *simulation, v *server, wait func()) error {
		v.slow.Store(int64(time.Duration(1+s.rng.IntN(400)) * time.Millisecond))
		wait()
		v.slow.Store(0)
		return nil
	}},
	{"full disk", 3, true, func(s *simulation, v *server, wait func()) error {
		for _, v := range append([]*server{v}, s.all()...) {
			if v.fill() {
				s.tell("the disk of %s is full", v.name)
				wait()
				v.full.Store(false)
				break
			}
		}
		return nil
	}},
	{"transfer", 2, false, func(s *simulation, _ *server, _ func()) error {
		if l := s.leader(); l != nil {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = l.cluster.transfer(ctx) // who cannot goes on
		}
		return nil
	}},
	{"a customer moves", 3, false, func(s *simulation, v *server, _ func()) error {
		if l := v.serving(); l != nil && !v.edge {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = l.cells.Depart(ctx, "c", 1+l.cells.CellOf("c")%uint64(*cellCount), l.now().UnixMilli()) // if it can; whoever leads does the rest
		}
		return nil
	}},
	{"snapshots", 2, false, func(s *simulation, _ *server, _ func()) error {
		for _, l := range s.cores() {
			_, all := l.cells.Cells()
			s.running.Go(func() { _ = all[s.faults%len(all)].Node().Snapshot() }) // one that is ending takes none, one with a full disk waits
		}
		return nil
	}},
	{"stray proposals", 2, false, func(s *simulation, v *server, _ func()) error {
		if l := v.serving(); l != nil && !v.edge {
			s.stray(l)
		}
		return nil
	}},
	{"replacement", 1, true, func(s *simulation, v *server, _ func()) error {
		if err := s.leave(v); err != nil {
			return fmt.Errorf("%s leaves: %w", v.name, err)
		}
		v.wipe()
		return s.admit(v)
	}},
	{"join or leave", 1, true, func(s *simulation, v *server, _ func()) error {
		n := len(s.all()) - edges
		if !v.edge && (n == founders || n < mostHere && s.rng.IntN(2) == 0) {
			return s.grow(false)
		}
		err := s.leave(v)
		s.mu.Lock()
		delete(s.servers, v.name)
		s.mu.Unlock()
		if err == nil && v.edge {
			err = s.grow(true)
		}
		return err
	}},
}

// farAhead is more than a member's state is behind.
const farAhead = 1000

// stray proposes what a correct origin never does, or did long ago: messages
// behind a gap, in an epoch that is over, of an agent who has another's session.
// None of it may be stored.
func (s *simulation) stray(l *life) {
	for _, row := range l.cells.Read().Live() {
		_, epoch, _ := l.cells.Read().Origin(row.ID)
		m := relay.Message{
			Session: row.ID, Epoch: epoch, Seq: row.Stored + 1, ID: fmt.Sprint("stray-", s.faults), Kind: relay.KindText, Text: "stray",
			Author: relay.Author{Role: relay.RoleVisitor, ID: row.Visitor.String()}, At: l.now().UnixMilli(),
		}
		switch s.rng.IntN(3) {
		case 0:
			m.Seq += farAhead
		case 1:
			m.Epoch--
		default:
			m.Author = relay.Author{Role: relay.RoleAgent, ID: row.Agent + "-before"}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		_, _ = l.cells.Propose(ctx, state.Append{Session: row.ID, Epoch: m.Epoch, Messages: []relay.Message{m}, At: m.At}) // the transcripts tell
		cancel()
	}
}

// fault does one harm, perhaps with another within it, and undoes it.
func (s *simulation) fault(within bool) (err error) {
	servers := s.all()
	v := servers[s.rng.IntN(len(servers))]
	if l := s.leader(); l != nil && s.rng.IntN(4) == 0 {
		v = l.server
	}
	h := s.pick(within)
	s.faults++
	s.tell("%d: %s, %s", s.faults, h.name, v.name)
	return h.do(s, v, func() {
		time.Sleep(time.Duration(s.rng.Int64N(int64(3 * time.Second))))
		if !within && s.rng.IntN(3) == 0 {
			err = s.fault(true)
			time.Sleep(time.Duration(s.rng.Int64N(int64(time.Second))))
		}
	})
}

func (s *simulation) pick(within bool) harm {
	for {
		h := harms[s.rng.IntN(len(harms))]
		if s.rng.IntN(3) < h.weight && !(within && h.lone) {
			return h
		}
	}
}

func (s *simulation) tell(format string, args ...any) {
	line := time.Now().Format("15:04:05.000 ") + fmt.Sprintf(format, args...)
	s.log.Info("fault", "what", line)
	s.last = append(s.last, line)
	s.last = s.last[max(0, len(s.last)-keptFaults):]
}

// sever cuts a server off from all others, in and out.
func (s *simulation) sever(v *server, in, out bool) {
	for _, o := range s.all() {
		if o != v {
			s.net.setCut(o.addr, v.addr, in)
			s.net.setCut(v.addr, o.addr, out)
		}
	}
}

// mend takes back what sever did.
func (s *simulation) mend(v *server) { s.sever(v, false, false) }

func TestANodeWithAFullDiskEndsWhenItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, 1, false, simulationLog(t))
		if err := s.begin(); err != nil {
			t.Fatal(err)
		}
		v := s.servers["n2"]
		if !v.fill() {
			t.Fatal("the disk cannot be filled")
		}
		time.Sleep(3 * time.Second)
		began := time.Now()
		v.shutDown(0)
		if took := time.Since(began); took > endsWithin+time.Second {
			t.Errorf("it ended after %v", took)
		}
		v.full.Store(false)
		v.start()
		if err := s.settle(); err != nil {
			t.Error(err)
		}
		s.end()
	})
}
