package bench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"kohe/bench/netem"
)

// driver is the process that widget/e2e/couple.mjs is: a visitor and an agent.
type driver struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	log *journal
}

// meeting is what the driver answers to meet.
type meeting struct {
	Session string      `json:"session"`
	Near    [2][]string `json:"near"` // if asked for: the edges of the visitor and of the agent, the nearest first
	Took    [2]float64  `json:"took"` // ms after their pages began to load until they knew that
}

// spoken is what a person has said.
type spoken struct {
	Text string  `json:"text"`
	At   float64 `json:"at"` // ms since 1970
}

// heard is what both have said in a round, visitor first, and what their pages
// show.
type heard struct {
	Views [2]struct {
		Said  []spoken           `json:"said"`
		At    map[string]float64 `json:"at"`    // when a message was first shown, ms since 1970
		Lines []string           `json:"lines"` // of all rounds, in the page's order
	} `json:"views"`
	Trouble string `json:"trouble"` // exceptions in the pages
}

func openDriver(t *testing.T, host *netem.Host) *driver {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("needs Node")
	}
	d := &driver{cmd: exec.Command(node, "e2e/couple.mjs"), log: &journal{}}
	d.cmd.Dir, d.cmd.Stderr = filepath.Join("..", "widget"), d.log
	out, err1 := d.cmd.StdoutPipe()
	in, err2 := d.cmd.StdinPipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	d.in, d.out = in, bufio.NewReader(out)
	if err := host.Start(d.cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.do("end", nil, nil)
		_ = d.in.Close()
		_ = d.cmd.Wait() // it ends with its input
	})
	return d
}

// do has the driver do something and reads the answer.
func (d *driver) do(what string, with map[string]any, answer any) error {
	command := map[string]any{"do": what}
	for k, v := range with {
		command[k] = v
	}
	line, err := json.Marshal(command)
	if err == nil {
		_, err = d.in.Write(append(line, '\n'))
	}
	if err == nil {
		line, err = d.out.ReadBytes('\n')
	}
	if err != nil {
		return fmt.Errorf("have the browser %s: %w\n%s", what, err, d.log)
	}
	var reply struct {
		OK    json.RawMessage `json:"ok"`
		Error string          `json:"error"`
	}
	if err := json.Unmarshal(line, &reply); err != nil {
		return err
	}
	if reply.Error != "" {
		return fmt.Errorf("have the browser %s: %s", what, reply.Error)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(reply.OK, answer)
}

// flowsFrom returns how long after a moment the other side heard something that
// one side, 0 the visitor, said after it; 0: it has not.
func (h *heard) flowsFrom(side int, moment time.Time) float64 {
	first, from := 0.0, float64(moment.UnixMilli())
	for _, m := range h.Views[side].Said {
		if at := h.Views[1-side].At[m.Text]; m.At >= from && at > 0 && (first == 0 || at-from < first) {
			first = at - from
		}
	}
	return first
}
