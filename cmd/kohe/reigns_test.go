package main

import (
	"testing"
	"time"
)

func TestChangesOfLeaderAreCountedAndForgottenAfterAnHour(t *testing.T) {
	at := time.Unix(1_000_000, 0)
	var r reigns
	if !r.leading().IsZero() {
		t.Error("somebody leads whom nobody heard of")
	}
	r.changed("", at)
	r.changed("a", at)
	if n := r.count(reignsFor, at); n != 0 || !r.leading().Equal(at) {
		t.Errorf("the first leader is change %d, since %v", n, r.leading())
	}
	r.changed("b", at.Add(time.Minute))
	r.changed("", at.Add(2*time.Minute))
	if !r.leading().IsZero() {
		t.Error("nobody leads, and somebody does")
	}
	r.changed("b", at.Add(3*time.Minute)) // again, after nobody did
	r.changed("a", at.Add(50*time.Minute))
	now := at.Add(55 * time.Minute)
	if hour, lately := r.count(reignsFor, now), r.count(10*time.Minute, now); hour != 3 || lately != 1 {
		t.Errorf("%d in an hour, %d in ten minutes", hour, lately)
	}
	if got := now.Sub(r.leading()); got != 5*time.Minute {
		t.Errorf("the present one leads for %v", got)
	}
	now = at.Add(61*time.Minute + time.Second)
	if hour := r.count(reignsFor, now); hour != 2 || r.changes() != 3 {
		t.Errorf("later %d in an hour, %d in all", hour, r.changes())
	}
	for i := range 3 * maxReigns {
		r.changed("a", now.Add(time.Duration(i)))
	}
	if n := len(r.begun); n != maxReigns || r.changes() != 3+3*maxReigns {
		t.Errorf("%d are kept, %d counted", n, r.changes())
	}
}
