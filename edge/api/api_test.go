package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"kohe/edge/auth"
	"kohe/raft/client"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

const password = "correct horse battery"

// world is the API on a real cell with two departments, an agent in each.
func world(t *testing.T) (*API, *client.Cell) {
	t.Helper()
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	cell, err := client.Open(client.Config{Dir: dir + "/cell", NodeID: "n1", Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cell.Close(); err != nil {
			t.Error(err)
		}
	})
	<-cell.Ready()
	rows := []state.Put{
		{Customer: &state.Customer{ID: "c", Name: "C"}},
		{Department: &state.Department{ID: "sales", Customer: "c", Name: "Sales"}},
		{Department: &state.Department{ID: "help", Customer: "c", Name: "Help"}},
		{Site: &state.Site{ID: "shop", Customer: "c", Name: "Shop", Origins: []string{"https://shop.example"}, Departments: []string{"sales", "help"}}},
	}
	for id, dep := range map[string]string{"ann": "sales", "bob": "help"} {
		rows = append(rows, state.Put{Agent: &state.Agent{ID: id, Customer: "c", Name: id, Alias: id, Role: relay.RoleAgent,
			Sites: []string{"shop"}, Departments: []string{dep}, Password: auth.HashPassword(password), Generation: 1}})
	}
	for _, put := range rows {
		put.At = 1
		if _, err := cell.Propose(context.Background(), put); err != nil {
			t.Fatal(err)
		}
	}
	key, err := auth.OpenKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{
		Key: key, Tickets: &auth.Tickets{}, Passwords: auth.NewPasswords(1), Store: cell.Read(), Cell: cell, Log: log,
		Node: "n1", Reach: func() (string, []string) { return "https://localhost/kohe/wt", nil },
	}), cell
}

// ask sends a request as the console does; change may alter it.
func ask(a *API, method, path, body string, change func(*http.Request)) (int, string, []*http.Cookie) {
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	r.Header.Set("X-Kohe", "1")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Result().Cookies()
}

func signIn(t *testing.T, a *API, name string) func(*http.Request) {
	t.Helper()
	code, body, cookies := ask(a, "POST", "/api/v1/sign-in", `{"name":"`+name+`","password":"`+password+`"}`, nil)
	if code != 200 || len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("sign-in: %d %s %v", code, body, cookies)
	}
	return func(r *http.Request) { r.AddCookie(cookies[0]) }
}

func TestOnlyTheConsoleMayAskAndOnlySignedIn(t *testing.T) {
	a, _ := world(t)
	signed := signIn(t, a, "ann")
	foreign := func(r *http.Request) { signed(r); r.Header.Set("Sec-Fetch-Site", "cross-site") }
	bare := func(r *http.Request) { signed(r); r.Header.Del("X-Kohe") }
	for name, c := range map[string]struct {
		method, path, body string
		change             func(*http.Request)
		want               int
	}{
		"me":                      {"GET", "/api/v1/me", "", signed, 200},
		"me, signed out":          {"GET", "/api/v1/me", "", nil, 401},
		"a forged cookie":         {"GET", "/api/v1/me", "", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookieName, Value: "x.y"}) }, 401},
		"a ticket":                {"POST", "/api/v1/ticket", "", signed, 200},
		"a ticket, signed out":    {"POST", "/api/v1/ticket", "", nil, 401},
		"a ticket from elsewhere": {"POST", "/api/v1/ticket", "", foreign, 403},
		"a ticket from a form":    {"POST", "/api/v1/ticket", "", bare, 403},
		"a wrong password":        {"POST", "/api/v1/sign-in", `{"name":"ann","password":"no"}`, nil, 401},
		"nobody":                  {"POST", "/api/v1/sign-in", `{"name":"eve","password":"no"}`, nil, 401},
		"no JSON":                 {"POST", "/api/v1/sign-in", `{`, nil, 400},
		"too much":                {"POST", "/api/v1/sign-in", `{"name":"` + strings.Repeat("x", maxBody) + `"}`, nil, 413},
		"a bad limit":             {"GET", "/api/v1/sessions?limit=many", "", signed, 400},
		"a bad id":                {"GET", "/api/v1/sessions/x", "", signed, 400},
		"an unknown address":      {"GET", "/api/v2/x", "", signed, 404},
	} {
		code, body, _ := ask(a, c.method, c.path, c.body, c.change)
		var e wire.ErrorPayload
		if code != c.want || code >= 400 && (json.Unmarshal([]byte(body), &e) != nil || e.Code == "" || e.Text == "") {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
}

func TestAnAgentSeesTheirDepartmentsOnly(t *testing.T) {
	a, cell := world(t)
	id := relay.NewID()
	if _, err := cell.Propose(context.Background(), state.OpenSession{
		Session: id, Site: "shop", Department: "sales", Visitor: relay.NewID(), Name: "Liis", Node: "n1", At: time.Now().UnixMilli(),
	}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"ann": 200, "bob": 404} {
		signed := signIn(t, a, name)
		for _, path := range []string{"/api/v1/sessions/" + id.String(), "/api/v1/sessions/" + id.String() + "/messages"} {
			if code, body, _ := ask(a, "GET", path, "", signed); code != want {
				t.Errorf("%s, %s: %d %s", name, path, code, body)
			}
		}
	}
}

func TestASessionSaysWhetherItsVisitorIsBlocked(t *testing.T) {
	a, cell := world(t)
	id, visitor := relay.NewID(), relay.NewID()
	signed := signIn(t, a, "ann")
	for _, step := range []struct {
		command state.Command
		blocked string
	}{
		{state.OpenSession{Session: id, Site: "shop", Department: "sales", Visitor: visitor, Name: "Liis", Node: "n1", At: 2}, "false"},
		{state.Block{Site: "shop", Visitor: visitor, On: true, By: "ann", At: 3}, "true"},
		{state.Block{Site: "shop", Visitor: visitor, On: false, By: "ann", At: 4}, "false"},
	} {
		if _, err := cell.Propose(t.Context(), step.command); err != nil {
			t.Fatal(err)
		}
		if code, body, _ := ask(a, "GET", "/api/v1/sessions/"+id.String(), "", signed); code != 200 || !strings.Contains(body, `"blocked":`+step.blocked) {
			t.Errorf("after %T: %d %s", step.command, code, body)
		}
	}
}

func TestANewPasswordVoidsOlderSignIns(t *testing.T) {
	a, cell := world(t)
	signed := signIn(t, a, "ann")
	if _, err := cell.Propose(context.Background(), state.SetPassword{Agent: "ann", Password: auth.HashPassword("another password"), At: time.Now().UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	if code, body, _ := ask(a, "GET", "/api/v1/me", "", signed); code != 401 {
		t.Fatalf("%d %s", code, body)
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	a, _ := world(t)
	last := 0
	for range 6 {
		last, _, _ = ask(a, "POST", "/api/v1/sign-in", `{"name":"ann","password":"guess"}`, nil)
	}
	if last != http.StatusTooManyRequests {
		t.Fatalf("the sixth guess was answered with %d", last)
	}
}
