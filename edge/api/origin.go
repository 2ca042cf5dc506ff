package api

import (
	"net/http"
	"strings"

	"kohe/edge/auth"
	"kohe/relay"
)

// A console stays what the node served that it was loaded from, also when that
// node is gone. It then asks the node that its link is at, from another origin:
// never with a cookie, which a browser sends by itself, but with a token that
// only the page has. So no answer allows credentials, a page of somebody else's
// can ask nothing in an agent's name, and the origins that may read an answer
// are those of the cluster's own nodes.

// bearerScheme is how a token stands in a request (RFC 6750, 2.1).
const bearerScheme = "Bearer "

var errBorne = relay.Errorf(relay.CodeForbidden, "The node that served this console does not answer. For this, sign in at another node.")

// share lets the consoles of the cluster's other nodes read the answer. It
// answers what a browser asks before it asks, and reports that.
func (a *API) share(w http.ResponseWriter, r *http.Request) (preflight bool) {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !a.Consoles(origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if r.Method != http.MethodOptions {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Kohe")
	h.Set("Access-Control-Max-Age", "600") // s
	w.WriteHeader(http.StatusNoContent)
	return true
}

// ours reports whether a page of ours sent the request: of this origin, or a
// console of another node with the token of somebody who is signed in.
func (a *API) ours(r *http.Request) bool {
	if a.sameSite.Check(r) == nil {
		return true
	}
	_, err := a.bearer(r)
	return err == nil && a.Consoles(r.Header.Get("Origin"))
}

// borne reports whether the request comes with a token in place of a cookie.
func borne(r *http.Request) bool { return r.Header.Get("Authorization") != "" }

func (a *API) bearer(r *http.Request) (auth.ConsoleSession, error) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), bearerScheme)
	return a.Key.Bearer(token, a.Now())
}
