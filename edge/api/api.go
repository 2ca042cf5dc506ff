// Package api is the console's HTTP side: signing in and out, tickets, history,
// transcripts, search, cards and the operators' nodes. What is live travels over the link instead.
// It keeps no goroutines.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"kohe/edge/auth"
	"kohe/edge/record"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// Bounds of a request.
const (
	maxBody    = 16 << 10
	maxPage    = 200 // rows in one answer
	defPage    = 50
	cookieName = "kohe_session"
)

// Store is what the API reads; state.Reader is one.
type Store interface {
	Agent(id string) (state.Agent, bool)
	Site(id string) (state.Site, bool)
	Department(id string) (state.Department, bool)
	Session(id relay.ID) (relay.Session, bool)
	Visitor(site string, id relay.ID) (state.Visitor, bool)
	Messages(session relay.ID, after uint64, limit int) ([]relay.Message, error)
	History(q state.HistoryQuery) ([]relay.Session, error)
	Search(q state.SearchQuery) ([]state.Hit, error)
	Cards(q state.CardsQuery) ([]state.Card, error)
	Segments(session relay.ID) ([]state.Segment, error)
	Segment(session, id relay.ID) (state.Segment, bool)
}

// Proposer changes the replicated state.
type Proposer interface {
	Propose(ctx context.Context, cmd state.Command) (any, error)
}

// Config is what the API needs. All members are required but Now and Consoles.
type Config struct {
	Key       *auth.Key
	Tickets   *auth.Tickets
	Passwords *auth.Passwords
	Store     Store
	Cell      Proposer
	// Recordings reads what was recorded.
	Recordings Recordings
	// Consoles reports whether another node of the cluster, be it gone, serves its
	// console at an origin; nil: there is none.
	Consoles func(origin string) bool
	// Cluster is what operators see and change.
	Cluster Cluster
	Log     *slog.Logger
	Secure  bool   // cookies over HTTPS only
	Node    string // this node's name
	// Reach returns this node's WebTransport address and the certificate hashes
	// to accept, if it made its certificate itself.
	Reach func() (wt string, hashes []string)
	Now   func() time.Time
}

// API serves /api/v1/.
type API struct {
	Config
	mux       *http.ServeMux
	indexes   *lru.Cache[relay.ID, record.Index]
	byAddress *auth.Limiter
	byName    *auth.Limiter
	sameSite  *http.CrossOriginProtection
}

// New returns the handler.
func New(c Config) *API {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Consoles == nil {
		c.Consoles = func(string) bool { return false }
	}
	indexes, err := lru.New[relay.ID, record.Index](keptIndexes)
	if err != nil {
		panic(err) // only for a size below 1
	}
	a := &API{
		indexes: indexes,
		Config:  c, mux: http.NewServeMux(), sameSite: http.NewCrossOriginProtection(),
		byAddress: auth.NewLimiter(3*time.Second, 20), // an office behind one address signs in at nine
		byName:    auth.NewLimiter(10*time.Second, 5),
	}
	a.mux.HandleFunc("POST /api/v1/sign-in", a.handle(a.signIn))
	a.mux.HandleFunc("POST /api/v1/sign-out", a.handle(a.signOut))
	a.agents("GET /api/v1/me", a.me)
	a.agents("POST /api/v1/ticket", a.ticket)
	a.agents("GET /api/v1/sessions", a.sessions)
	a.agents("GET /api/v1/sessions/{id}", a.session)
	a.agents("GET /api/v1/sessions/{id}/messages", a.messages)
	a.agents("GET /api/v1/sessions/{id}/recording", a.recording)
	a.agents("GET /api/v1/sessions/{id}/recording/{segment}", a.group)
	a.agents("GET /api/v1/sites/{id}/pages", a.pages)
	a.agents("GET /api/v1/search", a.search)
	a.agents("GET /api/v1/cards", a.cards)
	a.agents("POST /api/v1/cards/{id}", a.setCard)
	a.operate()
	a.mux.HandleFunc("/api/", a.handle(func(*http.Request, http.ResponseWriter) (any, error) {
		return nil, relay.Errorf(relay.CodeNotFound, "There is no such address in this API.")
	}))
	return a
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if preflight := a.share(w, r); !preflight {
		a.mux.ServeHTTP(w, r)
	}
}

// handle turns what h returns into JSON. What changes something must come from
// a page of ours, and with a header that forms cannot set.
func (a *API) handle(h func(*http.Request, http.ResponseWriter) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		var v any
		var err error
		if !a.ours(r) || r.Method != http.MethodGet && r.Header.Get("X-Kohe") == "" {
			err = relay.Errorf(relay.CodeForbidden, "This request did not come from the console.")
		} else {
			v, err = h(r, w)
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if b, ok := v.(octets); ok {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write(b) // the reader is gone
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v) // the reader is gone
	}
}

var statuses = map[relay.Code]int{
	relay.CodeAuth: http.StatusUnauthorized, relay.CodeRevoked: http.StatusUnauthorized,
	relay.CodeForbidden: http.StatusForbidden, relay.CodeNotFound: http.StatusNotFound,
	relay.CodeRate: http.StatusTooManyRequests, relay.CodeBusy: http.StatusServiceUnavailable,
	relay.CodeUnavailable: http.StatusServiceUnavailable, relay.CodeInternal: http.StatusInternalServerError,
	relay.CodeTooLarge: http.StatusRequestEntityTooLarge, relay.CodeConflict: http.StatusConflict,
}

func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := relay.AsError(err)
	status, ok := statuses[e.Code]
	if !ok {
		status = http.StatusBadRequest
	}
	if status >= 500 {
		a.Log.Error("api request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	w.Header().Set("Content-Type", "application/json")
	if e.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(e.Retry.Seconds())+1))
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(wire.ErrorPayload{Code: e.Code, Text: e.Text, RetryMS: e.Retry.Milliseconds()})
}

func read(r *http.Request, v any) error {
	err := json.NewDecoder(r.Body).Decode(v)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return relay.Errorf(relay.CodeTooLarge, "The request is over %d bytes.", maxBody)
	}
	if err != nil {
		return relay.Errorf(relay.CodeInvalid, "The request is not the JSON that was expected.")
	}
	return nil
}

func bounds(r *http.Request) (before int64, limit int, err error) {
	if before, err = number(r, "before"); err != nil {
		return 0, 0, err
	}
	n, err := number(r, "limit")
	if err != nil {
		return 0, 0, err
	}
	if n == 0 {
		n = defPage
	}
	return before, int(min(n, maxPage)), nil
}

func number(r *http.Request, name string) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, relay.Errorf(relay.CodeInvalid, "%s must be a whole number, not %q.", name, clip(text))
	}
	return n, nil
}

// cut takes off the one row that was asked for only to learn whether there is more.
func cut[T any](list []T, limit int) ([]T, bool) {
	if list == nil {
		list = []T{}
	}
	if len(list) > limit {
		return list[:limit], true
	}
	return list, false
}

func remote(r *http.Request) string {
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return ap.Addr().String()
	}
	return r.RemoteAddr
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
