package main

import "testing"

func TestAnOriginIsSaidAsBrowsersSayIt(t *testing.T) {
	for public, want := range map[string]string{
		"https://kohe2.example:8443": "https://kohe2.example:8443", "https://Kohe2.example:443/": "https://kohe2.example",
		"http://localhost:80": "http://localhost", "http://localhost:8081": "http://localhost:8081", "https://kohe2.example": "https://kohe2.example",
		"http://[::1]:8081": "http://[::1]:8081", "%": "",
	} {
		if got := originOf(public); got != want {
			t.Errorf("%s: %s", public, got)
		}
	}
}
