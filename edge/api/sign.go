package api

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"kohe/edge/auth"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// agents registers what is for signed-in agents: h runs for the one whose sign-in
// the request proves.
func (a *API) agents(pattern string, h func(*http.Request, state.Agent) (any, error)) {
	a.mux.HandleFunc(pattern, a.handle(func(r *http.Request, _ http.ResponseWriter) (any, error) {
		agent, _, err := a.who(r)
		if err != nil {
			return nil, err
		}
		return h(r, agent)
	}))
}

var errSignIn = relay.Errorf(relay.CodeAuth, "Please sign in.")

func (a *API) who(r *http.Request) (state.Agent, auth.ConsoleSession, error) {
	s, err := a.proof(r)
	if err != nil {
		return state.Agent{}, s, errSignIn
	}
	agent, ok := a.Store.Agent(s.Agent)
	if !ok || agent.Disabled || agent.Generation != s.Generation {
		return state.Agent{}, s, errSignIn
	}
	return agent, s, nil
}

// proof reads the sign-in that a request carries: of a console of another node
// its token alone, else this node's cookie.
func (a *API) proof(r *http.Request) (auth.ConsoleSession, error) {
	if borne(r) {
		return a.bearer(r)
	}
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return auth.ConsoleSession{}, err
	}
	return a.Key.Console(cookie.Value, a.Now())
}

func (a *API) signIn(r *http.Request, w http.ResponseWriter) (any, error) {
	var in struct{ Name, Password string }
	if err := read(r, &in); err != nil {
		return nil, err
	}
	name := strings.ToLower(strings.TrimSpace(in.Name))
	now := a.Now()
	if err := errors.Join(a.byAddress.Allow(remote(r), now), a.byName.Allow(name, now)); err != nil {
		return nil, err
	}
	agent, ok := a.Store.Agent(name)
	hash := agent.Password
	if !ok || agent.Disabled {
		hash = ""
	}
	good, err := a.Passwords.Check(r.Context(), hash, in.Password)
	if err != nil {
		return nil, err
	}
	if !good {
		a.Log.Warn("sign-in refused", "agent", clip(name), "remote", remote(r))
		return nil, relay.Errorf(relay.CodeAuth, "The name or the password is not right.")
	}
	a.setCookie(w, a.Key.SignConsole(agent.ID, agent.Generation, now), auth.ConsoleSessionFor)
	a.Log.Info("signed in", "agent", agent.ID, "remote", remote(r))
	return a.view(agent), nil
}

func (a *API) signOut(_ *http.Request, w http.ResponseWriter) (any, error) {
	a.setCookie(w, "", -time.Second)
	return struct{}{}, nil
}

func (a *API) setCookie(w http.ResponseWriter, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: int(age.Seconds()),
		HttpOnly: true, Secure: a.Secure, SameSite: http.SameSiteStrictMode,
	})
}

type meView struct {
	Agent wire.AgentView `json:"agent"`
	Node  string         `json:"node"`
}

func (a *API) view(agent state.Agent) meView {
	return meView{Agent: AgentView(a.Store, agent), Node: a.Node}
}

func (a *API) me(_ *http.Request, agent state.Agent) (any, error) { return a.view(agent), nil }

func (a *API) ticket(r *http.Request, _ state.Agent) (any, error) {
	if borne(r) {
		return nil, errBorne
	}
	_, s, err := a.who(r)
	if err != nil {
		return nil, err
	}
	text, err := a.Tickets.Issue(s, a.Now())
	if err != nil {
		return nil, err
	}
	wt, hashes := a.Reach()
	return struct {
		Ticket string   `json:"ticket"`
		Bearer string   `json:"bearer"` // for the other nodes, should this one be gone
		WT     string   `json:"wt,omitempty"`
		Hashes []string `json:"hashes,omitempty"`
	}{text, a.Key.SignBearer(s), wt, hashes}, nil
}
