package main

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"kohe/edge/link"
	"kohe/relay"
	"kohe/relay/wire"
)

// sentAwayWithin is how soon people at a node that is cut off from the cell are
// told to go elsewhere.
const sentAwayWithin = 2 * time.Second

func TestPeopleAtAnEdgeThatIsCutOffAreSentAwayInTime(t *testing.T) {
	for name, way := range map[string]struct{ in, out bool }{"both ways": {true, true}, "it hears nothing": {in: true}, "it is not heard": {out: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSimulation(t, 1, false, slog.New(slog.DiscardHandler))
				s.public = true
				defer s.end()
				edge := s.small()
				d := link.Dialer{Origin: shopOrigin}
				c, err := d.Memory(t.Context(), edge.serving().links, link.Path{}, wire.HelloPayload{Version: wire.Version, Role: relay.RoleVisitor, Site: "shop", Tab: "t1"})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				for range 5 { // whatever the clocks of the links are at
					began := time.Now()
					s.sever(edge, way.in, way.out)
					if err := awaitGoAway(t.Context(), c); err != nil {
						t.Fatal(err)
					}
					if took := time.Since(began); took > sentAwayWithin {
						t.Errorf("told after %v", took)
					}
					s.mend(edge)
					if err := within(time.Minute, edge.serving().remote.Err); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Duration(s.rng.Int64N(int64(3 * time.Second))))
				}
			})
		})
	}
}

// small is a cluster of one core node and an edge, with a shop and nobody in it.
func (s *simulation) small() (edge *server) {
	s.t.Helper()
	first := s.newServer("n1", false)
	for _, step := range []func() error{
		func() error { return initCluster(first.data, first.name, first.addr.String(), "here") },
		func() error { return s.add(first) },
		func() error { return s.furnish(first.serving()) },
		func() error { return s.grow(true) },
	} {
		if err := step(); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, v := range s.all() {
		if v.edge {
			edge = v
		}
	}
	return edge
}

func awaitGoAway(ctx context.Context, c *link.Client) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		f, err := c.Recv(ctx)
		if err != nil || f.Kind == wire.GoAway {
			return err
		}
	}
}
