package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// raw is how libraries speak, which says nothing of what to do.
var raw = regexp.MustCompile(`strconv\.|arg\(s\)|flag\(s\)|invalid argument|http://node|dial |unmarshal|syscall|bind:|no such file|file exists|into |%!`)

func TestWhatIsWrongWithALineIsASentenceThatSaysWhatToDo(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("there", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for l, want := range map[string]string{
		"agent add":                 `"kohe agent add" needs SIGN-IN-NAME after it`,
		"agent add a b":             `"kohe agent add" takes one word after it, SIGN-IN-NAME; leave out "b", or put quotes around both`,
		"cell add 1":                `"kohe cell add" takes nothing after it but flags; leave out "1"`,
		"backup nwo":                `there is no command "nwo" in "kohe backup"`,
		"cluster init":              `"kohe cluster init" needs --address (`,
		"backup":                    `"kohe backup" needs --out (`,
		"site add s --record x":     `--record "x": want a whole number`,
		"customer move a --cell -1": `--cell "-1": want a whole number that is not negative`,
		"config check --opens-per-minute 99999999999999999999": `--opens-per-minute "99999999999999999999": that is too large`,
		"site add s --mask-all=maybe":                          `--mask-all "maybe": want true or false`,
		"config check --frob":                                  `there is no flag --frob in "kohe config check"`,
		"config check -x":                                      `there is no flag -x in "kohe config check"`,
		"config check --data":                                  `--data needs a value after it: folder that holds`,
		"agent list":                                           "no node answers at data/kohe.sock; start one with `kohe serve`, or say where its data is with --data\n",
		"agent list --data " + strings.Repeat("x", 200):        "is too long for a socket",
		"config check --config none.yaml":                      "read the configuration: there is no file none.yaml",
		"config check --cert a.pem --key b.pem":                "there is no file a.pem",
		"backup key no/where":                                  "there is no folder no",
		"backup key there":                                     "there exists already; give another name",
		"backup verify none":                                   "there is no file none",
		"serve --data there":                                   "there, or what it is in, is a file where a folder belongs",
		"cluster join x --address b:1 --data d":                `kohe: A join token begins with`,
	} {
		code, _, err := line(t, strings.Fields(l)...)
		first, _, _ := strings.Cut(err, "\nUsage:")
		if code == exitDone || !strings.Contains(first, want) || raw.MatchString(first) {
			t.Errorf("kohe %s: exit code %d, said\n%swant\n%s", l, code, first, want)
		}
	}
}

func TestEveryCommandSaysInWordsWhatItIsGivenWrong(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, l := range commands(root()) {
		if strings.HasPrefix(l, "help") || strings.HasPrefix(l, "completion") {
			continue
		}
		for _, args := range []string{" a b c", " --no-such"} {
			code, _, err := line(t, strings.Fields(l+args)...)
			first, _, _ := strings.Cut(err, "\nUsage:")
			if code != exitUsage || raw.MatchString(first) || !strings.Contains(first, "kohe") {
				t.Errorf("kohe %s: exit code %d, said\n%s", l+args, code, first)
			}
		}
	}
}

func TestAVariableThatIsNoNumberIsNamedOnce(t *testing.T) {
	t.Setenv("KOHE_OPENS_PER_MINUTE", "many")
	_, err := loaded(t, "")
	if err == nil || err.Error() != `KOHE_OPENS_PER_MINUTE "many": want a whole number` {
		t.Fatalf("error %v", err)
	}
}

func TestOneValueMayStandWhereAListBelongs(t *testing.T) {
	c, err := loaded(t, "listen: 9001\nmetrics: 10.0.0.0/8\n")
	if err != nil || len(c.Listen) != 1 || c.Listen[0] != "9001" || len(c.Metrics) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	for file, want := range map[string]string{
		"listen:\n  a: 1\n":      "line 2: a group of keys where one value or a list belongs",
		"node: [a]\n":            "line 1: a list where one value belongs",
		"- a\n":                  "a list where a key and its value, such as `listen: 8443`, belongs",
		"hello\n":                "`hello` where a key and its value",
		"drain: 5s\ndrain: 6s\n": "drain is there twice, also on line 1",
		"data: [\n":              "this is not YAML: line 1: a bracket is not closed",
		"\tdata: x\n":            "a line begins with a tab",
		"listen: nine\n":         `listen "nine": want a port from 1 to 65535, or host:port`,
		"frob: 1\n":              "line 1: frob is not a key that Kohe knows",
	} {
		_, err := loaded(t, file)
		if err == nil || !strings.Contains(err.Error(), want) || raw.MatchString(err.Error()) {
			t.Errorf("%q: error %v, want %s", file, err, want)
		}
	}
}

func TestAPortThatIsTakenIsSaidSo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	code, _, said := line(t, "serve", "--listen", address, "--data", filepath.Join(t.TempDir(), "d"))
	if code != exitFailed || !strings.Contains(said, "listen on "+address+": another program has that address and port; stop it, or choose another with --listen") {
		t.Fatalf("exit code %d, said %s", code, said)
	}
}
