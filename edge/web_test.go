package edge

import (
	"net/http"
	"net/http/httptest"
	"testing"
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
