package edge

import (
	"bytes"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"kohe/raft/state"
	"kohe/widget"
)

// Web serves the documents and scripts of a node: the loader, what it and the
// console load, the console, the mirror's document and, in a demo, the shop.
type Web struct {
	Bundle *widget.Bundle
	Site   func(id string) (state.Site, bool)
	Public string // this node's own address, "http://localhost:8080"
	Shop   bool   // serve the demo shop
	// Leaving reports whether clients are to go elsewhere; nil: they stay.
	Leaving func() bool
}

// Register adds the web's addresses to mux.
func (w *Web) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /kohe.js", w.loader)
	mux.Handle("GET /kohe/a/", http.StripPrefix("/kohe/a/", http.HandlerFunc(w.asset)))
	mux.HandleFunc("GET /kohe/mirror/{site}", w.mirror)
	mux.HandleFunc("GET "+keptPath, w.kept)
	mux.HandleFunc("GET /kohe/near", w.near)
	mux.HandleFunc("GET /console/", w.console)
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/console/", http.StatusFound) })
	if w.Shop {
		mux.Handle("GET /shop/", http.StripPrefix("/shop/", http.HandlerFunc(w.shop)))
		mux.HandleFunc("GET /shop", func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/shop/", http.StatusFound) })
	}
}

// public lets any site load a script of ours as a module.
func public(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("X-Content-Type-Options", "nosniff")
}

func (w *Web) loader(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Cache-Control", "public, max-age=300, stale-while-revalidate=86400")
	w.script(rw, r, "kohe.js", w.Bundle.Version)
}

// near answers at once, so that a browser can tell how far this node is.
func (w *Web) near(rw http.ResponseWriter, _ *http.Request) {
	public(rw.Header())
	rw.Header().Set("Cache-Control", "no-store")
	if w.Leaving != nil && w.Leaving() {
		rw.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	rw.WriteHeader(http.StatusNoContent)
}

func (w *Web) asset(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Cache-Control", "public, max-age=31536000, immutable") // the name holds the hash
	if r.URL.Path == w.Bundle.Keeper {
		rw.Header().Set("Service-Worker-Allowed", keptPath)
		rw.Header().Set("Content-Security-Policy", "default-src 'none'")
	}
	w.script(rw, r, r.URL.Path, "")
}

// types are the files that are served of the bundle, by their extensions.
var types = map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

// script answers with a script or a sheet, in the shortest encoding that the
// browser takes. version is its own where the name does not tell it.
func (w *Web) script(rw http.ResponseWriter, r *http.Request, name, version string) {
	h := rw.Header()
	public(h)
	h.Set("Content-Type", types[path.Ext(name)])
	h.Set("Vary", "Accept-Encoding")
	encoding, body := "identity", []byte(nil)
	for _, e := range widget.Encodings {
		if !takes(r, e.Name) {
			continue
		}
		if encoded, err := fs.ReadFile(w.Bundle.Assets, name+e.Suffix); err == nil {
			encoding, body = e.Name, encoded
			h.Set("Content-Encoding", encoding)
			h.Set("Content-Length", strconv.Itoa(len(body)))
			break
		}
	}
	if body == nil {
		var err error
		if body, err = fs.ReadFile(w.Bundle.Assets, name); err != nil || types[path.Ext(name)] == "" {
			http.NotFound(rw, r)
			return
		}
	}
	if version != "" {
		h.Set("ETag", `"`+version+"-"+encoding+`"`)
	}
	http.ServeContent(rw, r, name, time.Time{}, bytes.NewReader(body))
}

// takes reports whether a request takes an answer in an encoding (RFC 9110,
// 12.5.3; a wildcard is not understood).
func takes(r *http.Request, encoding string) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(part, " ", ""), ";")
		if strings.EqualFold(name, encoding) {
			return strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "" || weight == ""
		}
	}
	return false
}

// consoleCSP: nothing but our own scripts runs in the console. The edges that
// it connects to are https and wss anywhere; on a development node also http.
const consoleCSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self' https: wss: http://localhost:* http://127.0.0.1:* ws://localhost:* ws://127.0.0.1:*; frame-src 'self'; font-src 'self'; manifest-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func (w *Web) console(rw http.ResponseWriter, r *http.Request) {
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", consoleCSP)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
	http.ServeContent(rw, r, "index.html", time.Time{}, bytes.NewReader(w.Bundle.Console))
}

// mirror serves the empty document that the console draws a visitor's page in.
// Nothing runs in it, nothing can be sent from it, and it loads images, sheets
// and fonts only from the origins that the site lists (DESIGN 13).
func (w *Web) mirror(rw http.ResponseWriter, r *http.Request) {
	site, ok := w.Site(r.PathValue("site"))
	if !ok {
		http.NotFound(rw, r)
		return
	}
	from := strings.Join(append(append([]string{}, site.Origins...), site.Assets...), " ")
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; img-src data: blob: "+from+"; media-src "+from+"; style-src 'unsafe-inline' blob: "+from+
		"; font-src data: "+from+"; form-action 'none'; base-uri "+from+"; frame-ancestors 'self'; sandbox allow-same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	_, _ = rw.Write([]byte("<!doctype html><html><head><meta charset=utf-8><title>Mirror</title></head><body></body></html>")) // the reader is gone
}

// keptPath is where a console's browser finds the mirrors' documents that it
// keeps for when this node is gone.
const keptPath = "/kohe/kept/"

// kept refuses what only the browser itself has, and lets nothing be drawn in
// the refusal: it brings no site's rules.
func (w *Web) kept(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	http.NotFound(rw, r)
}

// shop serves the demo shop under a CSP as strict as a careful bank's, which
// shows what the snippet needs.
func (w *Web) shop(rw http.ResponseWriter, r *http.Request) {
	name := r.URL.Path
	if name == "" || strings.HasSuffix(name, "/") {
		name += "index.html"
	}
	body, err := fs.ReadFile(w.Bundle.Shop, name)
	if err != nil {
		http.NotFound(rw, r)
		return
	}
	h := rw.Header()
	if path.Ext(name) == ".html" {
		body = widget.ShopPage(body, w.Public)
		secure := strings.NewReplacer("http://", "https://", "ws://", "wss://").Replace(w.Public)
		h.Set("Content-Security-Policy", "default-src 'self'; script-src 'self' "+w.Public+"; connect-src 'self' "+w.Public+" "+
			strings.Replace(w.Public, "http", "ws", 1)+" "+secure+"; object-src 'none'; base-uri 'none'; frame-ancestors 'none'")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	http.ServeContent(rw, r, name, time.Time{}, bytes.NewReader(body))
}
