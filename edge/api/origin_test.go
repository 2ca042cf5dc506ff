package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"kohe/edge/auth"
	"kohe/raft/state"
)

const sibling = "https://n2.example"

// among is the API in a cluster with another node, an agent's cookie and the
// token that their console has for when its node is gone.
func among(t *testing.T, agent string) (a *API, cookie func(*http.Request), token string) {
	t.Helper()
	a, cell := world(t)
	a.Consoles = func(origin string) bool { return origin == sibling }
	a.Cluster = &fakeCluster{}
	row, _ := cell.Read().Agent(agent)
	row.Operator = true
	if _, err := cell.Propose(t.Context(), state.Put{Agent: &row, At: 1}); err != nil {
		t.Fatal(err)
	}
	cookie = signIn(t, a, agent)
	_, body, _ := ask(a, "POST", "/api/v1/ticket", "{}", cookie)
	var ticket struct{ Bearer string }
	if err := json.Unmarshal([]byte(body), &ticket); err != nil || ticket.Bearer == "" {
		t.Fatalf("ticket: %s", body)
	}
	return a, cookie, ticket.Bearer
}

// from is what a browser says of a request from a page of another origin.
func from(origin, token string, also ...func(*http.Request)) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		for _, f := range also {
			f(r)
		}
	}
}

func TestAConsoleWhoseNodeIsGoneAsksAnother(t *testing.T) {
	a, cookie, token := among(t, "ann")
	pass := a.Key.SignPass(auth.ConsoleSession{Agent: "ann", Generation: 1, Issued: time.Now().UnixMilli()})
	former := a.Key.SignBearer(auth.ConsoleSession{Agent: "ann", Generation: 0, Issued: time.Now().UnixMilli()})
	old := a.Key.SignBearer(auth.ConsoleSession{Agent: "ann", Generation: 1, Issued: time.Now().Add(-13 * time.Hour).UnixMilli()})
	for name, c := range map[string]struct {
		method, path string
		change       func(*http.Request)
		want         int
	}{
		"history":                           {"GET", "/api/v1/sessions", from(sibling, token), 200},
		"who they are":                      {"GET", "/api/v1/me", from(sibling, token), 200},
		"the nodes, for an operator":        {"GET", "/api/v1/nodes", from(sibling, token), 200},
		"a card that is not there":          {"POST", "/api/v1/cards/00000000000000000000000000", from(sibling, token), 404},
		"a change of the nodes":             {"POST", "/api/v1/cell/hand-over", from(sibling, token), 403},
		"a change, with a cookie as well":   {"POST", "/api/v1/cell/hand-over", from(sibling, token, cookie), 403},
		"an invitation":                     {"POST", "/api/v1/join-tokens", from(sibling, token), 403},
		"a ticket":                          {"POST", "/api/v1/ticket", from(sibling, token), 403},
		"without a token":                   {"GET", "/api/v1/sessions", from(sibling, ""), 401},
		"with the cookie and a wrong token": {"GET", "/api/v1/sessions", from(sibling, "x", cookie), 401},
		"with the cookie alone, a change":   {"POST", "/api/v1/cell/hand-over", from(sibling, "", cookie), 403},
		"with a pass of the link":           {"GET", "/api/v1/sessions", from(sibling, pass), 401},
		"with the cookie's own value":       {"GET", "/api/v1/sessions", from(sibling, valueOf(cookie)), 401},
		"signed out since":                  {"GET", "/api/v1/sessions", from(sibling, former), 401},
		"a day later":                       {"GET", "/api/v1/sessions", from(sibling, old), 401},
		"a change from elsewhere":           {"POST", "/api/v1/cards/00000000000000000000000000", from("https://evil.example", token), 403},
		"a form's change":                   {"POST", "/api/v1/cards/x", from(sibling, token, func(r *http.Request) { r.Header.Del("X-Kohe") }), 403},
	} {
		if code, body, _ := ask(a, c.method, c.path, "{}", c.change); code != c.want {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
}

func valueOf(cookie func(*http.Request)) string {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	cookie(r)
	c, _ := r.Cookie(cookieName)
	return c.Value
}

func TestOnlyConsolesOfTheClusterReadAnAnswerAndNeverByCookie(t *testing.T) {
	a, _, token := among(t, "ann")
	for origin, want := range map[string]string{
		sibling: sibling, "https://evil.example": "", "https://n2.example.evil.example": "", "http://n2.example": "", "null": "", "": "",
	} {
		for _, method := range []string{"GET", "OPTIONS"} {
			r := httptest.NewRequest(method, "http://localhost/api/v1/me", strings.NewReader(""))
			from(origin, token)(r)
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			h := w.Result().Header
			if h.Get("Access-Control-Allow-Origin") != want || h.Get("Access-Control-Allow-Credentials") != "" || h.Get("Vary") != "Origin" {
				t.Errorf("%s from %q: %v", method, origin, h)
			}
			if allowed := h.Get("Access-Control-Allow-Headers") != ""; method == "OPTIONS" && allowed != (want != "") {
				t.Errorf("a preflight from %q: %d %v", origin, w.Code, h)
			}
		}
	}
}
