package api

import (
	"net/http"
	"slices"

	"kohe/raft/state"
	"kohe/relay"
)

func (a *API) sessions(r *http.Request, agent state.Agent) (any, error) {
	before, limit, err := bounds(r)
	if err != nil {
		return nil, err
	}
	q := state.HistoryQuery{Customer: agent.Customer, Sites: agent.Sites, Departments: agent.Departments, Before: before, Limit: limit + 1}
	if text := r.URL.Query().Get("visitor"); text != "" {
		if q.Visitor, err = relay.ParseID(text); err != nil {
			return nil, relay.Errorf(relay.CodeInvalid, "That is not a visitor's id.")
		}
	}
	list, err := a.Store.History(q)
	if err != nil {
		return nil, err
	}
	list, more := cut(list, limit)
	return struct {
		Sessions []relay.Session `json:"sessions"`
		More     bool            `json:"more"`
	}{list, more}, nil
}

// visible returns a session that the agent may see.
func (a *API) visible(r *http.Request, agent state.Agent) (relay.Session, error) {
	id, err := relay.ParseID(r.PathValue("id"))
	if err != nil {
		return relay.Session{}, relay.Errorf(relay.CodeInvalid, "That is not a session's id.")
	}
	s, ok := a.Store.Session(id)
	if !ok || !MaySee(agent, s) {
		return s, relay.Errorf(relay.CodeNotFound, "There is no such session, or it belongs to another department.")
	}
	return s, nil
}

func (a *API) session(r *http.Request, agent state.Agent) (any, error) {
	s, err := a.visible(r, agent)
	visitor, _ := a.Store.Visitor(s.Site, s.Visitor)
	return struct {
		Session relay.Session `json:"session"`
		Blocked bool          `json:"blocked"` // the visitor is
	}{s, visitor.Blocked}, err
}

func (a *API) messages(r *http.Request, agent state.Agent) (any, error) {
	s, err := a.visible(r, agent)
	if err != nil {
		return nil, err
	}
	_, limit, err := bounds(r)
	if err != nil {
		return nil, err
	}
	after, err := number(r, "after")
	if err != nil {
		return nil, err
	}
	list, err := a.Store.Messages(s.ID, uint64(after), limit+1)
	if err != nil {
		return nil, err
	}
	list, more := cut(list, limit)
	return struct {
		Messages []relay.Message `json:"messages"`
		More     bool            `json:"more"`
	}{list, more}, nil
}

type hitView struct {
	Session relay.Session `json:"session"`
	Message relay.Message `json:"message"`
	Snippet string        `json:"snippet"`
}

func (a *API) search(r *http.Request, agent state.Agent) (any, error) {
	before, limit, err := bounds(r)
	if err != nil {
		return nil, err
	}
	hits, err := a.Store.Search(state.SearchQuery{
		Customer: agent.Customer, Sites: agent.Sites, Departments: agent.Departments,
		Text: r.URL.Query().Get("q"), Before: before, Limit: limit + 1,
	})
	if err != nil {
		return nil, err
	}
	hits, more := cut(hits, limit)
	views := make([]hitView, len(hits))
	for i, h := range hits {
		views[i] = hitView{Session: h.Session, Message: h.Message, Snippet: h.Snippet}
	}
	return struct {
		Hits []hitView `json:"hits"`
		More bool      `json:"more"`
	}{views, more}, nil
}

func (a *API) cards(r *http.Request, agent state.Agent) (any, error) {
	before, limit, err := bounds(r)
	if err != nil {
		return nil, err
	}
	list, err := a.Store.Cards(state.CardsQuery{Sites: agent.Sites, Departments: agent.Departments, Before: before, Limit: limit + 1})
	if err != nil {
		return nil, err
	}
	list, more := cut(list, limit)
	return struct {
		Cards []state.Card `json:"cards"`
		More  bool         `json:"more"`
	}{list, more}, nil
}

func (a *API) setCard(r *http.Request, agent state.Agent) (any, error) {
	var in struct{ Solved bool }
	if err := read(r, &in); err != nil {
		return nil, err
	}
	list, err := a.Store.Cards(state.CardsQuery{Sites: agent.Sites, Departments: agent.Departments, ID: r.PathValue("id"), Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, relay.Errorf(relay.CodeNotFound, "There is no such card, or it belongs to another department.")
	}
	card := list[0]
	card.Solved = in.Solved
	_, err = a.Cell.Propose(r.Context(), state.Put{Card: &card, At: a.Now().UnixMilli()})
	return struct {
		Card state.Card `json:"card"`
	}{card}, err
}

// MaySee reports whether a session is on a site and in a department of the agent's.
func MaySee(agent state.Agent, s relay.Session) bool {
	return slices.Contains(agent.Sites, s.Site) && slices.Contains(agent.Departments, s.Department)
}
