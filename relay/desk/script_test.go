package desk

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"kohe/relay"
)

var update = flag.Bool("update", false, "write what the scripts in testdata print into them")

// TestScripts plays the scripts in testdata. A line is a command at a time of
// day; below it, indented, is what it brought about. Time in between passes by
// itself: what a deadline brings about is printed with its time.
//
//	10:00 enlist ann 4 sales service
//	10:00 ann online n1
//	10:00 ann service
//	10:05 open s1 sales
//	  s1 → ann (offer 1, until 10:05:30)
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(text) {
				t.Errorf("the script prints otherwise (go test -update writes it):\n%s", got)
			}
		})
	}
}

// play runs a script and returns it with what it prints.
func play(t *testing.T, script string) string {
	var out strings.Builder
	d := New()
	for _, line := range strings.Split(strings.TrimSuffix(script, "\n"), "\n") {
		if strings.HasPrefix(line, "  ") {
			continue
		}
		if line != "" && !strings.HasPrefix(line, "#") {
			words := strings.Fields(line)
			now := parseClock(t, words[0])
			for due, ok := d.Deadline(); ok && due < now; due, ok = d.Deadline() {
				show(&out, clock(due)+" ", d.Tick(due))
			}
			out.WriteString(line + "\n")
			show(&out, "", command(t, &out, d, now, words[1:]))
			continue
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

func command(t *testing.T, out *strings.Builder, d *Desk, now int64, words []string) []Event {
	arg := func(i int) string {
		if i >= len(words) {
			t.Fatalf("%q: too few words", strings.Join(words, " "))
		}
		return words[i]
	}
	var events []Event
	var err error
	switch verb := arg(0); verb {
	case "enlist":
		capacity, _ := strconv.Atoi(arg(2))
		events = d.Enlist(now, arg(1), capacity, words[3:])
	case "dismiss":
		events = d.Dismiss(now, arg(1))
	case "open":
		events = d.Open(now, sid(arg(1)), arg(2), "n1")
	case "end":
		events = d.End(now, sid(arg(1)), arg(2))
	case "started":
		events = d.NodeStarted(now, arg(1))
	case "tick":
		events = d.Tick(now)
	case "queue":
		q := d.Queue(arg(1))
		fmt.Fprintf(out, "  %d waiting, oldest %s, %d free places, %d agents\n", q.Waiting, clock(q.OldestAt), q.Free, q.Agents)
		for i := 1; ; i++ {
			s := at(d, arg(1), i)
			if s == "" {
				break
			}
			fmt.Fprintf(out, "  %d. %s\n", i, s)
		}
	default:
		switch what := arg(1); {
		case what == "online" || what == "offline":
			if id, ok := sessionNamed(verb); ok {
				events = d.VisitorOnline(now, id, arg(2), what == "online")
			} else {
				events = d.AgentOnline(now, verb, arg(2), what == "online")
			}
		case what == "accepts" || what == "declines":
			n, _ := strconv.ParseUint(arg(3), 10, 64)
			events, err = d.Answer(now, sid(arg(2)), verb, n, what == "accepts")
		default:
			var ticked []string
			if len(words) > 2 {
				ticked = words[2:]
			}
			events, err = d.SetState(now, verb, relay.AgentState(what), ticked)
		}
	}
	if err != nil {
		fmt.Fprintf(out, "  refused: %v\n", err)
	}
	return events
}

func show(out *strings.Builder, when string, events []Event) {
	for _, e := range events {
		line := ""
		switch e := e.(type) {
		case Offered:
			line = fmt.Sprintf("%s → %s (offer %d, until %s)", name(e.Session), e.Agent, e.Assignment, clock(e.Until))
		case OfferOver:
			line = fmt.Sprintf("%s ↛ %s (offer %d %s)", name(e.Session), e.Agent, e.Assignment, e.Why)
		case Accepted:
			line = fmt.Sprintf("%s with %s (%d)", name(e.Session), e.Agent, e.Assignment)
		case Returned:
			line = fmt.Sprintf("%s back from %s (%d)", name(e.Session), e.Agent, e.Assignment)
		case Ended:
			line = fmt.Sprintf("%s ended by %s", name(e.Session), e.By)
		default: // the Changed events follow from the others
			continue
		}
		fmt.Fprintf(out, "  %s%s\n", when, line)
	}
}

// at returns the session at a place in a department's queue, "" past its end.
func at(d *Desk, department string, place int) string {
	for _, id := range sortedIDs(d.sessions) {
		if s, _ := d.Session(id); s.Department == department && d.Place(id) == place {
			if s.Agent != "" {
				return name(id) + " (offered to " + s.Agent + ")"
			}
			return name(id)
		}
	}
	return ""
}

func sessionNamed(word string) (relay.ID, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(word, "s"))
	return relay.ID{15: byte(n)}, err == nil && strings.HasPrefix(word, "s")
}

func sid(word string) relay.ID {
	id, ok := sessionNamed(word)
	if !ok {
		panic("no session is called " + word)
	}
	return id
}

func name(id relay.ID) string { return "s" + strconv.Itoa(int(id[15])) }

// clock prints ms of a day.
func clock(ms int64) string {
	if ms == 0 {
		return "–"
	}
	return time.UnixMilli(ms).UTC().Format("15:04:05")
}

func parseClock(t *testing.T, s string) int64 {
	if strings.Count(s, ":") == 1 {
		s += ":00"
	}
	at, err := time.Parse(time.DateTime, "1970-01-01 "+s)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}
