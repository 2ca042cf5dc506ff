package record

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// disk is where a recorder's segments go.
type disk struct {
	mu    sync.Mutex
	files []*file
	fails int // how many of the next opens and appends fail
}

type file struct {
	disk  *disk
	bytes []byte
	wears bool
	slow  time.Duration
}

var errDisk = errors.New("no disk")

func (d *disk) fail() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails == 0 {
		return false
	}
	d.fails--
	return true
}

func (d *disk) open(context.Context, int64) (File, error) {
	if d.fail() {
		return nil, errDisk
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f := &file{disk: d}
	d.files = append(d.files, f)
	return f, nil
}

func (f *file) Append(ctx context.Context, offset int64, b []byte) error {
	f.disk.mu.Lock()
	slow := f.slow
	f.disk.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return ctx.Err()
	}
	if f.disk.fail() {
		return errDisk
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if offset != int64(len(f.bytes)) {
		return fmt.Errorf("at %d, not at the end, %d", offset, len(f.bytes))
	}
	f.bytes = append(f.bytes, b...)
	if f.wears {
		return ErrWorn
	}
	return nil
}

// first changes the first file.
func (d *disk) first(change func(*file)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d.files[0])
}

// texts returns what was recorded in each file, as "page change change".
func (d *disk) texts(t *testing.T) (list []string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		var words []string
		for _, g := range Scan(f.bytes).Groups {
			body, err := Body(f.bytes[g.From:g.To])
			if err != nil {
				t.Fatal(err)
			}
			records, err := Records(body)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range records {
				words = append(words, string(r.Payload[:min(len(r.Payload), 8)]))
			}
		}
		list = append(list, strings.Join(words, " "))
	}
	return list
}

// session is one that is recorded: its page is whatever was said last.
type session struct {
	*Recorder
	disk *disk
	page string
}

func newSession(d *disk) *session {
	s := &session{disk: d, page: "page"}
	s.Recorder = Start(Config{Open: d.open, Page: s.begin, Log: slog.New(slog.DiscardHandler)})
	return s
}

func (s *session) begin() { s.Begin(time.Now().UnixMilli(), []byte(s.page)) }

func (s *session) change(text string) {
	if s.Add(time.Now().UnixMilli(), Page, []byte(text)) {
		s.begin()
	}
}

func (s *session) close(t *testing.T) {
	t.Helper()
	s.Close()
	select {
	case <-s.Done():
	case <-time.After(time.Minute):
		t.Error("it does not end")
	}
}

func check(t *testing.T, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, not %q", got, want)
	}
}

func TestWhatHappensIsWrittenAboutOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		s := newSession(d)
		s.begin()
		s.change("a")
		time.Sleep(flushEvery + time.Millisecond)
		check(t, d.texts(t), "page a")
		s.change("b")
		synctest.Wait()
		check(t, d.texts(t), "page a") // it waits for more
		time.Sleep(flushEvery + time.Millisecond)
		check(t, d.texts(t), "page a b")
		s.change("c")
		s.close(t)
		check(t, d.texts(t), "page a b c")
		s.change("d")
	})
}

func TestThePageIsRecordedWholeAgainInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		s := newSession(d)
		s.change("0") // before the page is there
		check(t, d.texts(t))
		large := strings.Repeat("x", keyAfter+1)
		s.change(large)
		time.Sleep(time.Second)
		s.change("soon") // too soon after the last
		time.Sleep(keySoonest)
		s.change("later")
		time.Sleep(keyLatest + time.Millisecond)
		s.change("minute")
		time.Sleep(10 * keyLatest)
		s.close(t)
		check(t, d.texts(t), "page xxxxxxxx soon later page minute page")
	})
}

func TestARecordingGoesOnInAnotherFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{fails: 2}
		s := newSession(d)
		s.begin() // cannot be begun, twice
		time.Sleep(time.Minute)
		s.change("a")
		time.Sleep(10 * flushEvery)
		check(t, d.texts(t), "page a")
		d.first(func(f *file) { f.wears = true })
		s.change("b")
		time.Sleep(10 * flushEvery)
		s.change("c")
		time.Sleep(10 * flushEvery)
		check(t, d.texts(t), "page a b", "page c")
		d.mu.Lock()
		d.fails = 1
		d.mu.Unlock()
		s.change("lost")
		time.Sleep(time.Minute)
		s.change("d")
		s.close(t)
		check(t, d.texts(t), "page a b", "page c", "page d")
	})
}

// A disk that takes nothing for minutes costs a gap, not memory, and nobody waits.
func TestASlowDiskCostsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		s := newSession(d)
		s.begin()
		time.Sleep(2 * flushEvery)
		d.first(func(f *file) { f.slow = appendFor - time.Millisecond })
		began := time.Now()
		for range 100 {
			s.change(strings.Repeat("y", maxQueue/10))
			s.mu.Lock()
			held := s.bytes
			s.mu.Unlock()
			if held > maxQueue {
				t.Fatalf("%d bytes wait", held)
			}
		}
		if time.Since(began) != 0 {
			t.Error("who records waits")
		}
		time.Sleep(time.Minute)
		s.change("after")
		s.close(t)
		all := d.texts(t)
		if last := all[len(all)-1]; !strings.HasSuffix(last, "after") {
			t.Errorf("%q", last)
		}
	})
}
