package edge

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"kohe/relay"
)

// come lets clients come within a span of each other, each again at its turn,
// and returns how many were let in in each second, and how often all came.
func come(a *admission, clients int, within time.Duration) (admitted []int, tries int) {
	begin := time.Unix(1_700_000_000, 0)
	random := rand.New(rand.NewPCG(1, 2))
	due := make([]time.Duration, clients)
	for i := range due {
		due[i] = time.Duration(random.Int64N(int64(within)))
	}
	for len(due) > 0 {
		slices.Sort(due)
		var again []time.Duration
		until := due[0] + 10*time.Millisecond // those of a moment, in order
		n := 0
		for ; n < len(due) && due[n] <= until; n++ {
			tries++
			err := a.enter(begin.Add(due[n]))
			if err == nil {
				second := int(due[n] / time.Second)
				admitted = append(admitted, make([]int, max(0, second+1-len(admitted)))...)
				admitted[second]++
				continue
			}
			again = append(again, due[n]+relay.AsError(err).Retry)
		}
		due = append(due[n:], again...)
	}
	return admitted, tries
}

func TestAllClientsOfADeadNodeAreLetInAtABoundedRate(t *testing.T) {
	const clients = 10_000
	admitted, tries := come(newAdmission(quietPerSecond, quietAtOnce), clients, 2*time.Second)
	t.Logf("let in, second by second: %v; %d tries", admitted, tries)
	total := 0
	for second, n := range admitted {
		total += n
		if most := quietPerSecond + 1; second == 0 && n > quietAtOnce+most || second > 0 && n > most {
			t.Errorf("second %d: %d clients", second, n)
		}
	}
	if shortest := (clients - quietAtOnce) / quietPerSecond; total != clients || len(admitted) > shortest+3 {
		t.Errorf("%d of %d clients in %d s; %d s would do", total, clients, len(admitted), shortest)
	}
	if tries > 3*clients {
		t.Errorf("%d tries", tries)
	}
}

func TestALineThatIsTooLongBeginsAgain(t *testing.T) {
	a := newAdmission(1, 1)
	now := time.Unix(1_700_000_000, 0)
	for range 1000 {
		if err := a.enter(now); err != nil && relay.AsError(err).Retry > longestTurn {
			t.Fatalf("a client is to come back in %v", relay.AsError(err).Retry)
		}
	}
}
