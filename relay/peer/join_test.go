package peer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"kohe/relay"
)

// store is the caller's storage of tokens.
type store struct {
	mu     sync.Mutex
	tokens map[TokenHash]bool
	asked  int
}

func storing(tokens ...Token) *store {
	s := &store{tokens: map[TokenHash]bool{}}
	for _, t := range tokens {
		s.tokens[t.Hash()] = true
	}
	return s
}

func (s *store) Redeem(_ context.Context, h TokenHash, _ Identity) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if !s.tokens[h] {
		return relay.Errorf(relay.CodeAuth, "The join token is unknown, spent or expired.")
	}
	delete(s.tokens, h)
	return nil
}

type host struct {
	*port
	ca     *CA
	server *JoinServer
	log    *bytes.Buffer
}

// joinHostAt opens a core node that takes newcomers.
func joinHostAt(t testing.TB, conn net.PacketConn, ca *CA, as Role, tokens Tokens) *host {
	t.Helper()
	log := &bytes.Buffer{}
	server := NewJoinServer(JoinConfig{
		CA: ca, Credentials: issue(t, ca, "core-1", as), Tokens: tokens, Log: slog.New(slog.NewTextHandler(log, nil)),
		Answer: func(_ context.Context, node Identity) ([]byte, error) { return []byte("hello " + node.Node), nil },
	})
	return &host{openPort(t, conn, nil, map[string]served{JoinALPN: {server.TLS(), server.Serve}}), ca, server, log}
}

func TestANewcomerJoinsOnceWithItsToken(t *testing.T) {
	ca := newCA(t)
	token := newToken(t, RoleEdge, ca)
	s := storing(token)
	h := joinHostAt(t, udp(t), ca, RoleCore, s)
	token.Addrs = []string{h.addr()}
	me := openPort(t, udp(t), nil, nil)
	defer me.close()
	c, extra, err := Join(t.Context(), me.dial, token, "edge-1", "north")
	if err != nil {
		t.Fatal(err)
	}
	want := Identity{ca.Cluster(), "edge-1", RoleEdge, "north"}
	if c.Identity() != want || string(extra) != "hello edge-1" || !bytes.Equal(c.CA().Raw, ca.Certificate().Raw) {
		t.Errorf("%+v, %q", c.Identity(), extra)
	}
	if _, _, err := Join(t.Context(), me.dial, token, "edge-2", ""); relay.CodeOf(err) != relay.CodeAuth {
		t.Errorf("a spent token: %v", err)
	}
	h.close()
	if log := h.log.String(); strings.Contains(log, fmt.Sprintf("%x", token.Secret)) || strings.Contains(log, string(token.Secret[:])) || !strings.Contains(log, "edge-1") {
		t.Errorf("the log: %s", log)
	}
	if h.server.Joined.Load() != 1 || h.server.Failed.Load() != 1 {
		t.Errorf("%d joined, %d failed", h.server.Joined.Load(), h.server.Failed.Load())
	}
}

func TestATokenDoesNotGiveAnotherRole(t *testing.T) {
	ca := newCA(t)
	token := newToken(t, RoleEdge, ca)
	h := joinHostAt(t, udp(t), ca, RoleCore, storing(token))
	me := openPort(t, udp(t), nil, nil)
	defer me.close()
	defer h.close()
	token.Role, token.Addrs = RoleCore, []string{h.addr()}
	if _, _, err := Join(t.Context(), me.dial, token, "edge-1", ""); relay.CodeOf(err) != relay.CodeAuth {
		t.Errorf("%v", err)
	}
}

func TestANewcomerAsksOnlyItsOwnCluster(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	token := newToken(t, RoleEdge, ca)
	s := storing(token)
	foreign := joinHostAt(t, udp(t), other, RoleCore, s)
	edge := joinHostAt(t, udp(t), ca, RoleEdge, s)
	me := openPort(t, udp(t), nil, nil)
	defer me.close()
	defer foreign.close()
	defer edge.close()
	for name, addr := range map[string]string{"another cluster": foreign.addr(), "an edge": edge.addr()} {
		token.Addrs = []string{addr}
		if _, _, err := Join(t.Context(), me.dial, token, "edge-1", ""); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if s.asked != 0 {
		t.Errorf("the secret was told to the wrong node %d times", s.asked)
	}
	right := joinHostAt(t, udp(t), ca, RoleCore, s)
	defer right.close()
	token.Addrs = []string{foreign.addr(), edge.addr(), right.addr()}
	if _, _, err := Join(t.Context(), me.dial, token, "edge-1", ""); err != nil {
		t.Errorf("the right one comes last: %v", err)
	}
}

func TestTheNextAddressIsAskedIfOneIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet(time.Millisecond, 0)
		ca := newCA(t)
		token := newToken(t, RoleEdge, ca)
		h := joinHostAt(t, n.listen(), ca, RoleCore, storing(token))
		me := openPort(t, n.listen(), nil, nil)
		defer me.close()
		defer h.close()
		token.Addrs = []string{"10.0.0.99:1", h.addr()}
		if _, _, err := Join(t.Context(), me.dial, token, "edge-1", ""); err != nil {
			t.Error(err)
		}
		token.Addrs = token.Addrs[:1]
		if _, _, err := Join(t.Context(), me.dial, token, "edge-1", ""); err == nil || !strings.Contains(err.Error(), "10.0.0.99") {
			t.Errorf("nobody there: %v", err)
		}
	})
}

func TestFailedTriesOfAnAddressAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet(time.Millisecond, 0)
		ca := newCA(t)
		good := newToken(t, RoleEdge, ca)
		s := storing(good)
		h := joinHostAt(t, n.listen(), ca, RoleCore, s)
		me, other := openPort(t, n.listen(), nil, nil), openPort(t, n.listen(), nil, nil)
		defer other.close()
		defer me.close()
		defer h.close()
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
		for range failedTries {
			if _, _, err := Join(t.Context(), me.dial, newToken(t, RoleEdge, ca, h.addr()), "x", ""); relay.CodeOf(err) != relay.CodeAuth {
				t.Fatal(err)
			}
		}
		good.Addrs = []string{h.addr()}
		if _, _, err := Join(t.Context(), me.dial, good, "x", ""); relay.CodeOf(err) != relay.CodeRate || s.asked != failedTries {
			t.Errorf("%v after %d tries", err, s.asked)
		}
		if _, _, err := Join(t.Context(), other.dial, newToken(t, RoleEdge, ca, h.addr()), "x", ""); relay.CodeOf(err) != relay.CodeAuth {
			t.Errorf("another address: %v", err)
		}
		time.Sleep(time.Minute)
		if _, _, err := Join(t.Context(), me.dial, good, "x", ""); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}

func TestAJoinRequestHasItsTimeAndSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet(time.Millisecond, 0)
		ca := newCA(t)
		h := joinHostAt(t, n.listen(), ca, RoleCore, storing())
		me := openPort(t, n.listen(), nil, nil)
		defer me.close()
		defer h.close()
		connect := func() *quic.Conn {
			prover := &joinHost{fingerprint: ca.Fingerprint()}
			conn, err := me.dial(t.Context(), h.addr(), prover.tls(), &quic.Config{KeepAlivePeriod: time.Second / 4})
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
		began := time.Now()
		silent := connect()
		<-silent.Context().Done()
		if took := time.Since(began); took > joinTimeout+time.Second {
			t.Errorf("silence was borne for %v", took)
		}
		long := connect()
		stream, err := long.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = stream.Write(make([]byte, maxJoinRequest+100))
		_ = stream.Close()
		b, err := io.ReadAll(stream)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := parseJoinAnswer(b); err != nil || a.code != relay.CodeTooLarge {
			t.Errorf("%+v, %v", a, err)
		}
		if _, err := long.OpenStream(); err != nil {
			t.Fatal(err)
		}
		<-long.Context().Done() // one try a connection
	})
}

func FuzzJoinMessages(f *testing.F) {
	f.Add(joinRequest{RoleEdge, make([]byte, secretLen), "a", "", []byte("csr")}.marshal())
	f.Add(joinAnswer{cert: []byte("x"), extra: []byte("y")}.marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := parseJoinRequest(b); err == nil {
			if again, err := parseJoinRequest(r.marshal()); err != nil || again.node != r.node || !bytes.Equal(again.csr, r.csr) {
				t.Errorf("%+v, %v", again, err)
			}
		}
		if a, err := parseJoinAnswer(b); err == nil {
			if again, err := parseJoinAnswer(a.marshal()); err != nil || again.text != a.text || !bytes.Equal(again.extra, a.extra) {
				t.Errorf("%+v, %v", again, err)
			}
		}
	})
}
