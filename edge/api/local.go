package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode"

	"kohe/edge/auth"
	"kohe/edge/page"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// localCustomer is whose the sites of the command line are that name no customer.
const localCustomer = "main"

// LocalStore is what Local reads; state.Reader is one.
type LocalStore interface {
	Store
	Customers() []state.Customer
	AllSites() []state.Site
	AllAgents() []state.Agent
	Customer(id string) (state.Customer, bool)
}

// Local is the API on the node's unix socket, which only the node's user can
// open: there is nobody to authenticate.
type Local struct {
	store   LocalStore
	cell    Proposer
	tickets *auth.Tickets
	public  string
	mux     *http.ServeMux
}

// LocalAgent is an agent as the command line gives it. Password is never sent back.
type LocalAgent struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Alias       string     `json:"alias"`
	Role        relay.Role `json:"role"`
	Operator    bool       `json:"operator"`
	Sites       []string   `json:"sites"`
	Departments []string   `json:"departments"`
	Capacity    int        `json:"capacity"`
	Password    string     `json:"password,omitempty"`
}

// LocalSite is a site as the command line gives it.
type LocalSite struct {
	ID          string   `json:"id"`
	Customer    string   `json:"customer,omitempty"` // "": its own, or the only one
	Name        string   `json:"name"`
	Origins     []string `json:"origins"`
	Departments []string `json:"departments"`
	Mask        []string `json:"mask"`
	MaskAll     bool     `json:"mask_all"`
	Unmask      []string `json:"unmask"`
	Canvas      bool     `json:"canvas"`
	Images      []string `json:"images"`
	Assets      []string `json:"assets"`
	Color       string   `json:"color"`
	CoBrowse    bool     `json:"cobrowse"`
	Record      int      `json:"record"`   // days that recordings are kept; 0: none
	Visitors    bool     `json:"visitors"` // agents see who is on its pages

	Without []relay.Level `json:"without"`        // what no agent may do on its pages
	Pages   []state.Page  `json:"pages"`          // that agents send visitors to
	Links   []string      `json:"links"`          // origins that links may lead to, besides Origins
	Node    string        `json:"node,omitempty"` // where its pages load kohe.js from; in answers only
}

// NewLocal returns the handler. public is how browsers reach the node.
func NewLocal(store LocalStore, cell Proposer, tickets *auth.Tickets, public string) *Local {
	l := &Local{store: store, cell: cell, tickets: tickets, public: public, mux: http.NewServeMux()}
	l.mux.HandleFunc("GET /agents", handleLocal(l.agents))
	l.mux.HandleFunc("POST /agents", handleLocal(l.addAgent))
	l.mux.HandleFunc("POST /password", handleLocal(l.setPassword))
	l.mux.HandleFunc("POST /ticket", handleLocal(l.ticket))
	l.mux.HandleFunc("POST /memory", handleLocal(l.memory))
	l.mux.HandleFunc("GET /sites", handleLocal(l.sites))
	l.mux.HandleFunc("POST /sites", handleLocal(l.addSite))
	return l
}

func (l *Local) ServeHTTP(w http.ResponseWriter, r *http.Request) { l.mux.ServeHTTP(w, r) }

// localFor bounds a command of this machine.
const localFor = 10 * time.Second

func handleLocal[In any](h func(*http.Request, In) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		var v any
		err := read(r, &in)
		if err == nil {
			ctx, cancel := context.WithTimeout(r.Context(), localFor) // a full disk would hold a command up until there is space
			defer cancel()
			v, err = h(r.WithContext(ctx), in)
		}
		AnswerLocal(w, v, err)
	}
}

// AnswerLocal answers a request on the node's socket.
func AnswerLocal(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		v = wire.ErrorPayload{Code: relay.CodeOf(err), Text: OperatorText(err)}
	}
	_ = json.NewEncoder(w).Encode(v) // whoever asked has gone
}

// OperatorText says all that is known of an error, once: it is for who runs the
// nodes, not for visitors and agents.
func OperatorText(err error) string {
	e, ok := errors.AsType[*relay.Error](err)
	switch {
	case !ok:
		return err.Error()
	case e.Err == nil || strings.Contains(e.Text, e.Err.Error()):
		return e.Text
	}
	return e.Text + " " + e.Err.Error()
}

func (l *Local) agents(*http.Request, *struct{}) (any, error) {
	list := []LocalAgent{}
	for _, a := range l.store.AllAgents() {
		list = append(list, LocalAgent{ID: a.ID, Name: a.Name, Alias: a.Alias, Role: a.Role, Operator: a.Operator, Sites: a.Sites, Departments: a.Departments, Capacity: a.Capacity})
	}
	return list, nil
}

// ValidID reports whether a name may be that of a site, an agent or a customer.
func ValidID(id string) bool { return idShape.MatchString(id) }

var idShape = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,59}$`)

func (l *Local) addAgent(r *http.Request, in LocalAgent) (any, error) {
	in.ID = strings.ToLower(in.ID)
	if !idShape.MatchString(in.ID) {
		return nil, relay.Errorf(relay.CodeInvalid, "A sign-in name has 1 to 60 letters a–z, digits and . _ @ -, and starts with a letter or digit.")
	}
	if in.Role != relay.RoleAgent && in.Role != relay.RoleSupervisor {
		return nil, relay.Errorf(relay.CodeInvalid, "The role is agent or supervisor.")
	}
	if in.Capacity < 1 || in.Capacity > 50 {
		return nil, relay.Errorf(relay.CodeInvalid, "The capacity is 1 to 50.")
	}
	if err := cmp.Or(PlainName(in.Name), PlainName(in.Alias)); err != nil {
		return nil, err
	}
	hash := "" // nobody's: such an agent signs in by other means
	if in.Password != "" {
		if err := auth.CheckPassword(in.Password); err != nil {
			return nil, err
		}
		hash = auth.HashPassword(in.Password)
	}
	if in.Name == "" {
		in.Name = in.ID
	}
	if in.Alias == "" {
		in.Alias, _, _ = strings.Cut(in.Name, " ")
	}
	customer, err := l.scope(&in)
	if err != nil {
		return nil, err
	}
	row := state.Agent{ID: in.ID, Customer: customer, Name: in.Name, Alias: in.Alias, Role: in.Role, Operator: in.Operator, Sites: in.Sites,
		Departments: in.Departments, Capacity: in.Capacity, Password: hash, Generation: 1}
	if was, ok := l.store.Agent(in.ID); ok {
		row.Generation = was.Generation + 1
		row.Password = cmp.Or(row.Password, was.Password)
	}
	in.Password = ""
	_, err = l.cell.Propose(r.Context(), state.Put{Agent: &row, At: time.Now().UnixMilli()})
	return in, err
}

// scope fills in and checks the sites and departments of an agent, and returns
// whose they are.
func (l *Local) scope(in *LocalAgent) (customer string, err error) {
	all := l.store.AllSites()
	if len(all) == 0 {
		return "", relay.Errorf(relay.CodeNotFound, "There is no site yet. Add one with `kohe site add`.")
	}
	var sites, departments []string
	for _, s := range all {
		if len(in.Sites) == 0 || slices.Contains(in.Sites, s.ID) {
			if customer != "" && customer != s.Customer {
				return "", relay.Errorf(relay.CodeInvalid, "The sites belong to different customers. Name those of one with --site.")
			}
			customer = s.Customer
			sites = append(sites, s.ID)
			departments = append(departments, s.Departments...)
		}
	}
	for _, id := range in.Sites {
		if !slices.Contains(sites, id) {
			return "", relay.Errorf(relay.CodeNotFound, "There is no site %q.", id)
		}
	}
	for _, id := range in.Departments {
		if !slices.Contains(departments, id) {
			return "", relay.Errorf(relay.CodeNotFound, "There is no department %q on those sites.", id)
		}
	}
	if len(in.Departments) == 0 {
		slices.Sort(departments)
		in.Departments = slices.Compact(departments)
	}
	in.Sites = sites
	return customer, nil
}

// LocalTicket is a ticket for an agent's hello, given without a password to
// whoever may set passwords anyway.
type LocalTicket struct {
	Agent  string `json:"agent"`
	Ticket string `json:"ticket"`
}

func (l *Local) ticket(_ *http.Request, in LocalTicket) (any, error) {
	a, ok := l.store.Agent(in.Agent)
	if !ok {
		return nil, relay.Errorf(relay.CodeNotFound, "There is no agent %q.", in.Agent)
	}
	now := time.Now()
	var err error
	in.Ticket, err = l.tickets.Issue(auth.ConsoleSession{ID: relay.NewID(), Agent: a.ID, Generation: a.Generation, Issued: now.UnixMilli()}, now)
	return in, err
}

// LocalMemory is what a node's process holds after a garbage collection, in bytes.
type LocalMemory struct {
	Resident   int64 `json:"resident"`
	Heap       int64 `json:"heap"`
	Goroutines int   `json:"goroutines"`
}

func (l *Local) memory(*http.Request, *struct{}) (any, error) { return Memory(), nil }

// Memory collects garbage and measures this process.
func Memory() LocalMemory {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	statm, err := os.ReadFile("/proc/self/statm") // Linux; elsewhere resident stays 0
	out := LocalMemory{Heap: int64(m.HeapInuse), Goroutines: runtime.NumGoroutine()}
	if err == nil {
		var size, resident int64
		if _, err := fmt.Sscan(string(statm), &size, &resident); err == nil {
			out.Resident = resident * int64(os.Getpagesize())
		}
	}
	return out
}

func (l *Local) setPassword(r *http.Request, in LocalAgent) (any, error) {
	if _, ok := l.store.Agent(strings.ToLower(in.ID)); !ok {
		return nil, relay.Errorf(relay.CodeNotFound, "There is no agent %q.", in.ID)
	}
	if err := auth.CheckPassword(in.Password); err != nil {
		return nil, err
	}
	_, err := l.cell.Propose(r.Context(), state.SetPassword{
		Agent: strings.ToLower(in.ID), Password: auth.HashPassword(in.Password), At: time.Now().UnixMilli(),
	})
	return LocalAgent{ID: in.ID}, err
}

func (l *Local) sites(*http.Request, *struct{}) (any, error) {
	list := []LocalSite{}
	for _, s := range l.store.AllSites() {
		list = append(list, LocalSite{ID: s.ID, Customer: s.Customer, Name: s.Name, Origins: s.Origins, Departments: s.Departments,
			Mask: s.Mask, MaskAll: s.MaskAll, Unmask: s.Unmask, Canvas: s.Canvas, Images: s.Images, Without: s.Without,
			Pages: s.Pages, Links: s.Links, Assets: s.Assets, Color: s.Color, CoBrowse: s.CoBrowse, Record: s.Record, Visitors: s.Visitors})
	}
	return list, nil
}

var colorShape = regexp.MustCompile(`^(#[0-9a-fA-F]{6})?$`)

func (l *Local) addSite(r *http.Request, in LocalSite) (any, error) {
	if !idShape.MatchString(in.ID) {
		return nil, relay.Errorf(relay.CodeInvalid, "A site's id has 1 to 60 letters a–z, digits and . _ @ -, and starts with a letter or digit.")
	}
	if !colorShape.MatchString(in.Color) {
		return nil, relay.Errorf(relay.CodeInvalid, "The colour is written #rrggbb.")
	}
	if len(in.Origins) == 0 || len(in.Departments) == 0 {
		return nil, relay.Errorf(relay.CodeInvalid, "A site needs at least one origin (where its pages are) and one department.")
	}
	if err := PlainName(in.Name); err != nil {
		return nil, err
	}
	for _, o := range slices.Concat(in.Origins, in.Assets) {
		if u, err := url.Parse(o); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+u.Host != o {
			return nil, relay.Errorf(relay.CodeInvalid, "%q is not an origin; write it like https://shop.example.", o)
		}
	}
	if err := page.Check(page.Rules{Mask: in.Mask, All: in.MaskAll, Unmask: in.Unmask}); err != nil {
		return nil, err
	}
	if err := page.Check(page.Rules{Mask: in.Images}); err != nil {
		return nil, relay.Errorf(relay.CodeInvalid, "Images are named by selectors as masks are: %v", errors.Unwrap(err))
	}
	if in.Name == "" {
		in.Name = in.ID
	}
	at := time.Now().UnixMilli()
	customer, err := l.customerOf(in)
	if err != nil {
		return nil, err
	}
	var rows []state.Put
	if _, ok := l.store.Customer(customer); !ok && in.Customer != "" {
		return nil, relay.Errorf(relay.CodeNotFound, "There is no customer %q. Add them with `kohe customer add`.", customer)
	} else if !ok {
		rows = append(rows, state.Put{Customer: &state.Customer{ID: customer, Name: customer}})
	}
	for _, id := range in.Departments {
		if _, ok := l.store.Department(id); !ok {
			rows = append(rows, state.Put{Department: &state.Department{ID: id, Customer: customer, Name: title(id)}})
		}
	}
	rows = append(rows, state.Put{Site: &state.Site{ID: in.ID, Customer: customer, Name: in.Name, Origins: in.Origins,
		Departments: in.Departments, Mask: in.Mask, MaskAll: in.MaskAll, Unmask: in.Unmask, Canvas: in.Canvas, Images: in.Images, Without: in.Without,
		Pages: in.Pages, Links: in.Links, Assets: in.Assets, Color: in.Color, CoBrowse: in.CoBrowse, Record: in.Record, Visitors: in.Visitors}})
	for _, put := range rows {
		put.At = at
		if _, err := l.cell.Propose(r.Context(), put); err != nil {
			return nil, err
		}
	}
	in.Node = l.public
	return in, nil
}

// customerOf returns whose a site is or is to be.
func (l *Local) customerOf(in LocalSite) (string, error) {
	if in.Customer != "" {
		return in.Customer, nil
	}
	if was, ok := l.store.Site(in.ID); ok {
		return was.Customer, nil
	}
	switch all := l.store.Customers(); len(all) {
	case 0:
		return localCustomer, nil
	case 1:
		return all[0].ID, nil
	}
	return "", relay.Errorf(relay.CodeInvalid, "There are several customers. Say whose the site is with --customer.")
}

// PlainName refuses a name that would not stay on its line.
func PlainName(name string) error {
	if strings.ContainsFunc(name, unicode.IsControl) {
		return relay.Errorf(relay.CodeInvalid, "A name has no line breaks or other control characters.")
	}
	return nil
}

func title(id string) string { return strings.ToUpper(id[:1]) + id[1:] }
