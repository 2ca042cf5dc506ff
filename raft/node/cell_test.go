package node

import (
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func real(fs vfs.FS) vfs.FS { return fs }

func TestACellOfSeveralLosesNothingAcknowledged(t *testing.T) {
	for _, c := range []struct {
		ids    []string
		faults int
	}{
		{[]string{"a", "b", "c"}, 15},
		{[]string{"a", "b", "c", "d", "e"}, 6},
	} {
		synctest.Test(t, func(t *testing.T) {
			if err := storm(t, 1, c.faults, real, c.ids...); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStormNoticesDisksThatDoNotSync(t *testing.T) {
	for seed := range uint64(10) {
		var err error
		synctest.Test(t, func(t *testing.T) {
			err = storm(t, seed, 10, func(fs vfs.FS) vfs.FS { return noSync{fs} }, "a", "b", "c")
		})
		if err != nil {
			return
		}
	}
	t.Error("a hundred faults on disks without sync went unnoticed")
}
