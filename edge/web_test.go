package edge

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"kohe/widget"
)

func TestANodeThatIsLeavingIsNobodysNearest(t *testing.T) {
	leaving := false
	mux := http.NewServeMux()
	(&Web{Leaving: func() bool { return leaving }}).Register(mux)
	for _, want := range []int{http.StatusNoContent, http.StatusServiceUnavailable} {
		rw := httptest.NewRecorder()
		mux.ServeHTTP(rw, httptest.NewRequest(http.MethodGet, "/kohe/near", nil))
		h := rw.Result().Header
		if rw.Code != want || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("leaving %v: %d %v", leaving, rw.Code, h)
		}
		leaving = true
	}
}

func TestOnlyTheKeeperMayAnswerForTheNodeAndOnlyInItsFolder(t *testing.T) {
	mux := http.NewServeMux()
	files := fstest.MapFS{"keeper-1.js": {Data: []byte("k")}, "chat-1.js": {Data: []byte("c")}}
	(&Web{Bundle: &widget.Bundle{Assets: files, Keeper: "keeper-1.js"}}).Register(mux)
	for address, want := range map[string]struct {
		code          int
		scope, policy string
	}{
		"/kohe/a/keeper-1.js": {200, "/kohe/kept/", "default-src 'none'"},
		"/kohe/a/chat-1.js":   {200, "", ""},
		"/kohe/kept/shop":     {404, "", "default-src 'none'; frame-ancestors 'none'"},
	} {
		rw := httptest.NewRecorder()
		mux.ServeHTTP(rw, httptest.NewRequest(http.MethodGet, address, nil))
		h := rw.Result().Header
		if rw.Code != want.code || h.Get("Service-Worker-Allowed") != want.scope || h.Get("Content-Security-Policy") != want.policy {
			t.Errorf("%s: %d %v", address, rw.Code, h)
		}
	}
}

func TestAScriptComesInTheShortestEncodingThatTheBrowserTakes(t *testing.T) {
	files := fstest.MapFS{}
	for _, name := range []string{"kohe.js", "kohe.js.br", "kohe.js.gz", "chat-1.js", "chat-1.js.gz", "style-1.css", "manifest.json"} {
		files[name] = &fstest.MapFile{Data: []byte(name)}
	}
	mux := http.NewServeMux()
	(&Web{Bundle: &widget.Bundle{Assets: files, Version: "v"}}).Register(mux)
	for _, c := range []struct{ address, takes, encoding, file string }{
		{"/kohe.js", "gzip, deflate, br, zstd", "br", "kohe.js.br"},
		{"/kohe.js", "br;q=0, GZIP;q=0.5", "gzip", "kohe.js.gz"},
		{"/kohe.js", "gzip;q=0.0, br; q=0", "", "kohe.js"},
		{"/kohe.js", "", "", "kohe.js"},
		{"/kohe/a/chat-1.js", "gzip, br", "gzip", "chat-1.js.gz"},
		{"/kohe/a/style-1.css", "gzip, br", "", "style-1.css"},
		{"/kohe/a/manifest.json", "gzip, br", "", "404"},
		{"/kohe/a/kohe.js.gz", "gzip, br", "", "404"},
		{"/kohe/a/other.js", "gzip, br", "", "404"},
	} {
		r := httptest.NewRequest(http.MethodGet, c.address, nil)
		r.Header.Set("Accept-Encoding", c.takes)
		rw := httptest.NewRecorder()
		mux.ServeHTTP(rw, r)
		h := rw.Result().Header
		if c.file == "404" {
			if rw.Code != http.StatusNotFound {
				t.Errorf("%s: %d", c.address, rw.Code)
			}
			continue
		}
		if rw.Body.String() != c.file || h.Get("Content-Encoding") != c.encoding || h.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s for %q: %q, %v", c.address, c.takes, rw.Body, h)
		}
		if etag := h.Get("ETag"); etag != "" {
			r.Header.Set("If-None-Match", etag)
			rw = httptest.NewRecorder()
			if mux.ServeHTTP(rw, r); rw.Code != http.StatusNotModified {
				t.Errorf("%s for %q again: %d", c.address, c.takes, rw.Code)
			}
		}
	}
}
