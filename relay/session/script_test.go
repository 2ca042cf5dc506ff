package session

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kohe/relay"
)

var update = flag.Bool("update", false, "write what the scripts print into testdata")

// script runs testdata/*.txt: a line is a command, the indented lines under it
// are what it prints. There is a cell, the session at its origin, and a rival
// origin that may take it away.
type script struct {
	cell  cell
	s     *Session
	batch []relay.Message
	nonce int
	out   strings.Builder
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var sc script
			for line := range strings.Lines(string(want)) {
				if strings.HasPrefix(line, "  ") {
					continue
				}
				sc.out.WriteString(line)
				if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
					sc.run(t, words)
				}
			}
			if *update {
				if err := os.WriteFile(file, []byte(sc.out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got := sc.out.String(); got != string(want) && !*update {
				t.Errorf("the script prints\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func (sc *script) print(format string, args ...any) {
	fmt.Fprintf(&sc.out, "  "+format+"\n", args...)
}

func (sc *script) list(what string, messages []relay.Message) {
	if len(messages) > 0 {
		sc.print("%s %s", what, show(messages))
	}
}

func (sc *script) run(t *testing.T, words []string) {
	commands := map[string]func(args []string){
		"start":   func([]string) { sc.nonce++; sc.s = New(sc.cell.state(sc.cell.claim(sc.nonce), 0)) },
		"cut-off": func([]string) { sc.s = New(State{}) },
		"reclaim": func([]string) { sc.reclaim() },
		"say":     func(a []string) { sc.say(author(a[0]), a[1], strings.Join(a[2:], " ")) },
		"propose": func([]string) { sc.propose() },
		"store":   func([]string) { sc.answer(sc.cell.append(sc.s.epoch, sc.batch)) },
		"unheard": func([]string) { _, _ = sc.cell.append(sc.s.epoch, sc.batch); sc.answer(0, errTimeout) },
		"timeout": func([]string) { sc.answer(0, errTimeout) },
		"gap":     func(a []string) { sc.answer(number(t, a[0]), errGap) },
		"forbid":  func(a []string) { sc.forbid(a[0]) },
		"follow":  func([]string) { sc.list("relay", sc.s.Committed(sc.cell.after(0))) },
		"end": func([]string) {
			sc.tell(sc.s.Say(relay.Author{Role: relay.RoleSystem}, "ended-0", relay.KindEnded, "agent", 1))
		},
		"close":   func([]string) { sc.cell.closed = true },
		"rival":   func(a []string) { sc.rival(t, a) },
		"resume":  func(a []string) { sc.resume(number(t, a[0]), number(t, a[1])) },
		"mark":    func(a []string) { sc.s.Mark(author(a[0]).Role, number(t, a[1]), number(t, a[2])) },
		"due":     func(a []string) { sc.due(int64(number(t, a[0]))) },
		"unsaved": func(a []string) { sc.s.Unsaved(author(a[0]).Role) },
		"orphans": func([]string) { sc.list("orphans", sc.s.Orphans()) },
	}
	f, ok := commands[words[0]]
	if !ok {
		t.Fatalf("unknown command %q", words[0])
	}
	f(words[1:])
	sc.state()
}

// state prints what changed for whoever looks on.
func (sc *script) state() {
	sc.list("not saved", sc.s.NotSaved())
	for _, w := range sc.s.Raised() {
		sc.print("%s drew %d, read %d", w.By, w.Marks.Delivered, w.Marks.Read)
	}
	epoch, stored := sc.s.Stored()
	note := ""
	if sc.s.Lost() {
		note = ", lost"
	}
	if sc.s.Ended() {
		note = ", ended"
	}
	sc.print("= epoch %d, stored %d, unstored %d%s", epoch, stored, sc.s.Unstored(), note)
}

func (sc *script) say(a relay.Author, id, text string) {
	sc.tell(sc.s.Say(a, id, relay.KindText, text, 1))
}

func (sc *script) tell(m relay.Message, fresh bool, err error) {
	switch {
	case err != nil:
		sc.print("%s", relay.CodeOf(err))
	case fresh:
		sc.print("relay %s", place(m))
	default:
		sc.print("again %s", place(m))
	}
}

func (sc *script) propose() {
	batch := sc.s.Propose()
	if batch == nil {
		sc.print("nothing to propose")
		return
	}
	sc.batch = batch
	sc.list("propose", batch)
}

func (sc *script) answer(seq uint64, err error) {
	switch {
	case err == nil:
		sc.s.Appended(sc.s.epoch, seq)
	case errors.Is(err, errGap):
		sc.print("gap")
		sc.s.Gap(sc.s.epoch, seq)
	default:
		sc.print("%s", relay.CodeOf(err))
		sc.s.Refused(sc.s.epoch, err)
	}
}

// forbid refuses one message of the batch; those before it are stored.
func (sc *script) forbid(id string) {
	at := slices.IndexFunc(sc.batch, func(m relay.Message) bool { return m.ID == id })
	if at < 0 {
		sc.answer(sc.cell.append(sc.s.epoch, sc.batch))
		return
	}
	_, _ = sc.cell.append(sc.s.epoch, sc.batch[:at])
	sc.answer(0, relay.Errorf(relay.CodeForbidden, "not with you now"))
}

func (sc *script) reclaim() {
	sc.nonce++
	epoch := sc.cell.claim(sc.nonce)
	sc.list("relay", sc.s.Reclaim(sc.cell.state(epoch, sc.s.stored)))
}

// rival is another origin, which claims and stores at once.
func (sc *script) rival(t *testing.T, words []string) {
	sc.nonce++
	epoch := sc.cell.claim(sc.nonce)
	if len(words) == 0 {
		return
	}
	m := relay.Message{
		Epoch: epoch, Seq: sc.cell.last() + 1, Author: author(words[0]), ID: words[1],
		Kind: relay.KindText, Text: strings.Join(words[2:], " "), At: 1,
	}
	if _, err := sc.cell.append(epoch, []relay.Message{m}); err != nil {
		t.Fatal(err)
	}
}

func (sc *script) resume(epoch, seq uint64) {
	older, messages := sc.s.Resume(uint32(epoch), seq)
	if !older.Empty() {
		sc.print("read (%d,%d]", older.After, older.Until)
	}
	sc.list("send", messages)
}

func (sc *script) due(now int64) {
	due, again := sc.s.DueMarks(now)
	for _, w := range due {
		sc.print("save %s %d %d", w.By, w.Marks.Delivered, w.Marks.Read)
	}
	if again > 0 {
		sc.print("ask again at %d", again)
	}
}

func author(name string) relay.Author {
	if strings.HasPrefix(name, "v") {
		return relay.Author{Role: relay.RoleVisitor, ID: name}
	}
	return relay.Author{Role: relay.RoleAgent, ID: name}
}

func number(t *testing.T, s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
