package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"kohe/edge/api"
	"kohe/raft/backup"
	"kohe/raft/state"
)

func backupCommand() *cobra.Command {
	var l local
	var s seal
	var out, customer string
	var force bool
	c := &cobra.Command{
		Use: "backup", Short: "Write all that a running node keeps to one file", Args: cobra.NoArgs,
		Long: "Write all that a running core node keeps to one file, as of one moment, while it goes on serving. The file has its\n" +
			"name only once it is whole, and none is written over without --force. In clear it is worth as much care as the node's data folder, and lacks the key that\n" +
			"visitors' browsers are known by; give a recipient or a passphrase, and it is in it.",
		Example: `  kohe backup key backup.key                                  # once; prints the recipient. Keep the file elsewhere
  kohe backup --out kohe-$(date +%F).backup --recipient age1…
  kohe backup verify kohe-2030-01-31.backup --identity-file backup.key`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := writeBackup(cmd, l, s, out, customer, force)
			if err != nil {
				return err
			}
			say := cmd.OutOrStdout()
			if out == "-" {
				say = cmd.ErrOrStderr()
			}
			b.print(say)
			if !s.any() {
				fmt.Fprint(say, "It is not encrypted: who reads it reads every conversation. Without the key of this cluster in it, visitors who come back after a restore are new ones.\n")
			}
			return nil
		},
	}
	l.flag(c)
	c.Flags().StringVar(&out, "out", "", "file to write; - is standard output")
	c.Flags().BoolVar(&force, "force", false, "put it in the place of a file that is there")
	c.Flags().StringVar(&customer, "customer", "", "of this customer only")
	s.flags(c)
	_ = c.MarkFlagRequired("out") // there is such a flag
	c.AddCommand(backupVerify(), backupKey())
	return c
}

func backupVerify() *cobra.Command {
	var u unseal
	c := &cobra.Command{
		Use: "verify FILE", Short: "Read a backup to its end and say what is in it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var b found
			if err := b.readFile(cmd.Context(), args[0], u, backup.Contents{}); err != nil {
				return err
			}
			b.print(cmd.OutOrStdout())
			return nil
		},
	}
	u.flags(c)
	return c
}

func backupKey() *cobra.Command {
	return &cobra.Command{
		Use: "key FILE", Short: "Make a key to read backups with, and print the recipient to encrypt them for", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			recipient, err := makeKey(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), recipient)
			return nil
		},
	}
}

// found is what is in a backup.
type found struct {
	header    backup.Header
	inventory state.Inventory
	totals    backup.Totals
	key       bool
	size      int64 // bytes of the file
}

// read reads a backup to its end; c gets what is in it, too.
func (b *found) read(ctx context.Context, r io.Reader, c backup.Contents) (err error) {
	b.totals, err = backup.Read(r, backup.Contents{
		Header: func(h backup.Header) error {
			b.header = h
			if err := state.Readable(h.Schema); err != nil {
				return fmt.Errorf("%w. The version of Kohe that wrote this backup: %s", err, h.Program)
			}
			return nil
		},
		Row: func(k, v []byte) error {
			if err := errors.Join(ctx.Err(), b.inventory.Add(k)); err != nil {
				return err
			}
			if c.Row == nil {
				return nil
			}
			return c.Row(k, v)
		},
		Piece: func(p backup.Piece) error {
			if err := ctx.Err(); err != nil || c.Piece == nil {
				return err
			}
			return c.Piece(p)
		},
		Key: func(pem []byte) error {
			b.key = true
			if c.Key == nil {
				return nil
			}
			return c.Key(pem)
		},
	})
	return err
}

// readFile reads a backup from a file.
func (b *found) readFile(ctx context.Context, path string, u unseal, c backup.Contents) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return err
	}
	b.size = stat.Size()
	r, err := u.around(f)
	if err == nil {
		err = b.read(ctx, r, c)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (b *found) print(w io.Writer) {
	of, cluster := "everything", "a node that was alone"
	if b.header.Customer != "" {
		of = "the customer " + b.header.Customer
	}
	if b.header.Cluster != "" {
		cluster = "cluster " + b.header.Cluster
	}
	key := "not in it"
	if b.key {
		key = "in it"
	}
	i := b.inventory
	fmt.Fprintf(w, "A whole backup of %s, %s, written by %s at %s (index %d).\n", of, cluster, b.header.Node,
		time.UnixMilli(b.header.At).UTC().Format(time.RFC3339), b.header.Applied)
	fmt.Fprintf(w, "  customers   %s\n  sites       %d\n  agents      %d\n  visitors    %d\n  sessions    %d\n  messages    %d\n  cards       %d\n  recordings  %d (%d files, %d bytes)\n  key         %s\n  rows        %d\n",
		strings.Join(i.Customers, ", "), i.Sites, i.Agents, i.Visitors, i.Sessions, i.Messages, i.Cards, i.Recordings, b.totals.Files, b.totals.FileBytes, key, b.totals.Rows)
	if b.size > 0 {
		fmt.Fprintf(w, "  file        %d bytes\n", b.size)
	}
	if b.totals.Missing > 0 {
		fmt.Fprintf(w, "Files of recordings that could not be read to their end: %d. If the nodes that keep them are away, take another backup when they are back.\n", b.totals.Missing)
	}
	if b.header.Behind != "" {
		fmt.Fprintf(w, "The node could not ask the others, so it may lack what they had acknowledged last: %s.\n", b.header.Behind)
	}
}

// writeBackup asks a node for a backup and writes it. What is written is read
// meanwhile: a file that could not be restored never gets its name.
func writeBackup(cmd *cobra.Command, l local, s seal, out, customer string, force bool) (b found, err error) {
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	to := cmd.OutOrStdout()
	done := func(error) error { return nil }
	if f, ok := to.(*os.File); out == "-" && ok && term.IsTerminal(int(f.Fd())) {
		return b, errors.New("a backup is not for a terminal; send it to a file or a command")
	}
	if out != "-" {
		if err := mayWrite(out, force); err != nil {
			return b, err
		}
	}
	from, err := api.StreamLocal(ctx, socketPath(l.data), http.MethodPost, "/backup", backupAsk{Customer: customer, Key: s.any() && customer == ""})
	if err != nil {
		return b, err
	}
	defer from.Close()
	if out != "-" {
		if to, done, err = newFile(out, force); err != nil {
			return b, err
		}
	}
	buffered := bufio.NewWriterSize(to, 64<<10)
	sealed, err := s.around(buffered)
	if err == nil {
		err = b.read(ctx, io.TeeReader(from, sealed), backup.Contents{})
	}
	if err == nil {
		err = errors.Join(sealed.Close(), buffered.Flush())
	}
	if err = errors.Join(err, done(err)); errors.Is(err, backup.ErrCut) {
		err = fmt.Errorf("the node broke the backup off (its log says why): %w", err)
	}
	return b, err
}

// mayWrite refuses a name that something has already: a file is written over
// only by force, and what is no file, such as a device, never.
func mayWrite(path string, force bool) error {
	stat, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !stat.Mode().IsRegular():
		return fmt.Errorf("%s is there and no file; give another name", path)
	case !force:
		return fmt.Errorf("%s is there already; give another name, or --force to write over it", path)
	}
	return nil
}

// newFile makes a file beside the one that it will be. done gives it its name,
// durably, or removes it after an error; another file that has come to be there
// meanwhile is written over only by force.
func newFile(path string, force bool) (_ io.Writer, done func(error) error, _ error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*.part") // mode 0600
	if err != nil {
		return nil, nil, err
	}
	return f, func(failed error) error {
		if failed != nil {
			return errors.Join(f.Close(), os.Remove(f.Name()))
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return errors.Join(err, os.Remove(f.Name()))
		}
		err := mayWrite(path, force)
		if err == nil {
			err = os.Rename(f.Name(), path)
		}
		if err != nil {
			return errors.Join(err, os.Remove(f.Name()))
		}
		return syncFile(dir)
	}, nil
}

// syncFile makes a file or folder durable.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
