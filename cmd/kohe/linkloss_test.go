package main

import (
	"testing"
	"time"
)

func TestALinksLossIsThatOfTheLastMinute(t *testing.T) {
	began := time.Unix(1_000_000, 0)
	l := losses{former: sample{at: began}, later: sample{at: began}}
	var sent, lost uint64
	var at time.Time
	for second := range 3600 { // 100 packets a second, half of them lost for the first 50 minutes
		at = began.Add(time.Duration(second) * time.Second)
		sent += 100
		if second < 3000 {
			lost += 50
		}
		l.see(sample{at, sent, lost})
		packets, gone := l.recent(sample{at, sent, lost})
		if second >= 60 && (packets < 30*100 || packets > 60*100) {
			t.Fatalf("after %d s the loss is of %d packets", second, packets)
		}
		switch {
		case second < 3000 && gone != packets/2:
			t.Fatalf("after %d s %d of %d are lost", second, gone, packets)
		case second >= 3060 && gone != 0:
			t.Fatalf("%d s after it was mended, %d of %d are lost", second-3000, gone, packets)
		}
	}
	if packets, gone := l.recent(sample{at, sent, lost + sent}); gone > packets {
		t.Errorf("%d of %d are lost", gone, packets)
	}
}
