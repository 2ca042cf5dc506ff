package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// several is a list of which one alone may stand without brackets.
type several []string

// UnmarshalYAML takes a list, or its only value.
func (s *several) UnmarshalYAML(node *yaml.Node) error {
	var list []string
	switch {
	case node.ShortTag() == "!!null":
	case node.Kind == yaml.ScalarNode:
		list = []string{node.Value}
	default:
		if err := node.Decode(&list); err != nil {
			return err
		}
	}
	*s = list
	return nil
}

// read reads the file. Unknown keys are refused with their line.
func (c *config) read(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %s", path, plainYAML(err.Error()))
	}
	return nil
}

// How the YAML library names a value of another type, a key that is not known
// and one that is there twice.
var (
	wrongType  = regexp.MustCompile("cannot unmarshal !!(\\w+)(?: (`[^`]*`))? into (int|string|\\[\\]string|main\\.config)")
	unknownKey = regexp.MustCompile(`field (\S+) not found in type main\.config`)
	twice      = regexp.MustCompile(`mapping key "([^"]*)" already defined at (line \d+)`)
)

func plainYAML(text string) string {
	if syntax, ok := strings.CutPrefix(text, "yaml: "); ok && !strings.HasPrefix(syntax, "unmarshal errors") {
		syntax = strings.ReplaceAll(syntax, "found character that cannot start any token", "a line begins with a tab or another character that YAML has no use for there")
		syntax = strings.ReplaceAll(syntax, "did not find expected node content", "a bracket is not closed, or a value is missing")
		return "this is not YAML: " + syntax
	}
	text = strings.ReplaceAll(text, "yaml: unmarshal errors:\n  ", "")
	text = unknownKey.ReplaceAllString(text, "$1 is not a key that Kohe knows")
	text = twice.ReplaceAllString(text, "$1 is there twice, also on $2")
	return wrongType.ReplaceAllStringFunc(text, func(s string) string {
		m := wrongType.FindStringSubmatch(s)
		have := m[2]
		if have == "" {
			have = map[string]string{"map": "a group of keys", "seq": "a list"}[m[1]]
		}
		want := map[string]string{"int": "a whole number", "string": "one value", "[]string": "one value or a list", "main.config": "a key and its value, such as `listen: 8443`,"}[m[3]]
		return have + " where " + want + " belongs"
	})
}
