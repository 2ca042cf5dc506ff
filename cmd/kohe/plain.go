package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"kohe/relay"
)

// What libraries say of a command line, of files and of addresses, as sentences
// that say what to do.

// plainUse says what is wrong with how a command was given.
func plainUse(c *cobra.Command, err error) string {
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Sprintf("--%s %q: %s", e.GetFlag().Name, e.GetValue(), wanted(e.GetFlag(), err))
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		dashes := "--"
		if e.GetSpecifiedShortnames() != "" {
			dashes = "-"
		}
		return fmt.Sprintf("there is no flag %s%s in %q", dashes, e.GetSpecifiedName(), c.CommandPath())
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return fmt.Sprintf("--%s needs a value after it: %s", e.GetSpecifiedName(), e.GetFlag().Usage)
	}
	if e, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		return fmt.Sprintf("%q is not how a flag is written; write --name value", e.GetSpecifiedFlag())
	}
	if m := unset.FindStringSubmatch(err.Error()); m != nil {
		var list []string
		for _, name := range strings.Split(m[1], ", ") {
			name = strings.Trim(name, `"`)
			text := "--" + name
			if f := c.Flag(name); f != nil {
				text += " (" + f.Usage + ")"
			}
			list = append(list, text)
		}
		return fmt.Sprintf("%q needs %s", c.CommandPath(), strings.Join(list, " and "))
	}
	return plain(err)
}

// unset is how cobra names flags that a command needs.
var unset = regexp.MustCompile(`^required flag\(s\) (.*) not set$`)

// wanted says what belongs after a flag, or into its variable.
func wanted(f *pflag.Flag, err error) string {
	kind := map[string]string{
		"int": "a whole number", "uint": "a whole number", "uint64": "a whole number", "float64": "a number", "bool": "true or false", "duration": "a time such as 5s or 10m",
	}[f.Value.Type()]
	switch {
	case kind == "":
		return err.Error()
	case errors.Is(err, strconv.ErrRange):
		return "that is too large; want " + kind
	case strings.HasPrefix(f.Value.Type(), "uint"):
		return "want " + kind + " that is not negative"
	}
	return "want " + kind
}

// words has a command say by its own use line which words belong after it.
func words(c *cobra.Command, args []string) error {
	want := strings.Fields(c.Use)[1:]
	switch path := c.CommandPath(); {
	case len(args) < len(want):
		return fmt.Errorf("%q needs %s after it", path, strings.Join(want[len(args):], " "))
	case len(args) == len(want):
		return nil
	case len(want) == 0:
		return fmt.Errorf("%q takes nothing after it but flags; leave out %q", path, args[0])
	default:
		return fmt.Errorf("%q takes one word after it, %s; leave out %q, or put quotes around both", path, want[0], args[len(want)])
	}
}

// plain returns an error's text with what the system said of files and
// addresses put in words.
func plain(err error) string {
	text := err.Error()
	each(err, func(err error) {
		raw, said := err.Error(), ""
		switch e := any(err).(type) { // each is given alone
		case *fs.PathError:
			said = plainPath(e)
		case *os.LinkError:
			said = plainPath(&fs.PathError{Op: e.Op, Path: e.New, Err: e.Err})
		case *net.OpError:
			said = plainAddress(e)
		case *relay.Error:
			text = strings.Replace(text, string(e.Code)+": ", "", 1) // the code is for machines
		}
		if said != "" {
			text = strings.Replace(text, raw, said, 1)
		}
	})
	return text
}

// each calls f with an error and all that it wraps.
func each(err error, f func(error)) {
	if err == nil {
		return
	}
	f(err)
	switch e := any(err).(type) { // each is given alone
	case interface{ Unwrap() error }:
		each(e.Unwrap(), f)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			each(one, f)
		}
	}
}

func plainPath(e *fs.PathError) string {
	dir := filepath.Dir(e.Path)
	_, missing := os.Stat(dir)
	switch {
	case errors.Is(e.Err, fs.ErrNotExist) && missing != nil:
		return fmt.Sprintf("there is no folder %s", dir)
	case errors.Is(e.Err, fs.ErrNotExist) && e.Op == "mkdir":
		return fmt.Sprintf("no folder can be made at %s", e.Path)
	case errors.Is(e.Err, fs.ErrNotExist):
		return fmt.Sprintf("there is no file %s", e.Path)
	case errors.Is(e.Err, fs.ErrExist):
		return fmt.Sprintf("%s exists already; give another name", e.Path)
	case errors.Is(e.Err, fs.ErrPermission):
		return fmt.Sprintf("this user may not use %s; change its owner, or run the command as another user", e.Path)
	case errors.Is(e.Err, syscall.ENOTDIR):
		return fmt.Sprintf("%s, or what it is in, is a file where a folder belongs", e.Path)
	case errors.Is(e.Err, syscall.EISDIR):
		return fmt.Sprintf("%s is a folder where a file belongs", e.Path)
	case errors.Is(e.Err, syscall.ENOSPC):
		return fmt.Sprintf("the disk that %s is on is full", e.Path)
	case errors.Is(e.Err, syscall.EROFS):
		return fmt.Sprintf("nothing can be written at %s: its disk is read-only", e.Path)
	}
	return ""
}

func plainAddress(e *net.OpError) string {
	switch {
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return "another program has that address and port; stop it, or choose another with --listen"
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return "this machine has no such address"
	case errors.Is(e.Err, syscall.EACCES) && e.Op == "listen":
		return "this user may not take that port; choose one above 1023"
	case errors.Is(e.Err, syscall.ECONNREFUSED) && e.Addr != nil:
		return fmt.Sprintf("nobody answers at %s", e.Addr)
	}
	return ""
}
