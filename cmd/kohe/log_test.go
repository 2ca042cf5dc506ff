package main

import (
	"encoding/json"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"kohe/relay"
)

// end ends the process as a restart of its machine does, and returns what it logged.
func (p *process) end() string {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%s: %v", p.name, err)
	}
	p.cmd = nil
	return p.log.String()
}

func TestANormalLifeLogsNoErrorAndSaysWhatRanWhere(t *testing.T) {
	nodes := newCluster(t, 3, 0)
	for _, p := range nodes {
		data, err := filepath.Abs(p.data)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(p.log.String(), "\n")
		for _, want := range []string{"level=INFO", "msg=starting", "version=" + version, "node=" + p.name, "role=core", "listen=[" + p.address() + "]", "data=" + data} {
			if !strings.Contains(first, want) {
				t.Errorf("%s: the first line has no %s: %s", p.name, want, first)
			}
		}
	}
	for _, p := range nodes {
		p.end()
	}
	for _, p := range nodes {
		for l := range strings.Lines(p.log.String()) {
			if strings.Contains(l, "level=ERROR") {
				t.Errorf("%s: %s", p.name, l)
			}
		}
	}
}

func TestWhatAnOperatorWantsIsLoggedWithTheNode(t *testing.T) {
	nodes := newCluster(t, 3, 0)
	i := takeOver(t, nodes[2], nodes)
	ask, err := json.Marshal(operateAsk{Do: doDrain, By: "olga"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.ask(nodes[0].name, kindOperate, ask); err != nil {
		t.Fatal(err)
	}
	nodes[0].await("logs it", func() bool { return strings.Contains(nodes[0].log.String(), "agent=olga do=drain node="+nodes[0].name) })
}

func TestANodeThatIsStartingSaysSo(t *testing.T) {
	nodes := newCluster(t, 3, 0)
	i := takeOver(t, nodes[2], nodes)
	nodes[0].kill()
	nodes[1].kill()
	nodes[1].begin() // alone it is not ready
	ask, err := json.Marshal(operateAsk{Do: doReport})
	if err != nil {
		t.Fatal(err)
	}
	var answer operateAnswer
	nodes[1].await("answers", func() bool {
		b, err := i.ask(nodes[1].name, kindOperate, ask)
		return err == nil && json.Unmarshal(b, &answer) == nil
	})
	if answer.Code != relay.CodeUnavailable || !strings.Contains(answer.Text, "just starting") {
		t.Errorf("it answers %+v", answer)
	}
}

func TestAPortThatTheSystemChoseIsLogged(t *testing.T) {
	if got := listening([]string{"127.0.0.1:0", "[::1]:80"}, 7); !slices.Equal(got, []string{net.JoinHostPort("127.0.0.1", "7"), "[::1]:80"}) {
		t.Errorf("%v", got)
	}
}
