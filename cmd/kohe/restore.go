package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/spf13/cobra"

	"kohe/edge/auth"
	"kohe/raft/backup"
	"kohe/raft/blob"
	"kohe/raft/client"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/peer"
)

// restoringFile is in a data folder from before a restore writes to it until
// everything is there. No node starts on a folder that has it.
const restoringFile = "restoring"

// restored is what a restore makes in a data folder.
var restored = []string{"cell", "blobs", "node.key", "cluster"}

// restore is a restore of a backup into a data folder.
type restore struct {
	in, data, customer    string
	name, address, region string // as of `kohe cluster init`; no address: a node that is alone
	unseal                unseal
	log                   io.Writer
	now                   func() time.Time
}

func restoreCommand() *cobra.Command {
	r := restore{now: time.Now}
	c := &cobra.Command{
		Use: "restore", Short: "Make the first node of a new cluster from a backup", Args: cobra.NoArgs,
		Long: "Make the first node of a new cluster from a backup, in an empty data folder. Other nodes join it as ever. The backup is\n" +
			"read to its end before anything is written. Agents sign in anew, and what they were busy with waits.",
		Example: `  kohe restore --in kohe-2030-01-31.backup --identity-file backup.key --data /var/lib/kohe --node kohe1 --address kohe1.example:8443
  kohe restore --in kohe-2030-01-31.backup --identity-file backup.key --data ./drill   # a node alone, to see that it works`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r.log = cmd.ErrOrStderr()
			b, err := r.run(cmd.Context())
			if err != nil {
				return err
			}
			b.print(cmd.OutOrStdout())
			if r.customer != "" {
				fmt.Fprintf(cmd.OutOrStdout(), "Of it, what belongs to the customer %s was restored.\n", r.customer)
			}
			start := "kohe serve --data " + r.data
			if r.address == "" && r.name != defaults().Node {
				start += " --node " + r.name
			}
			fmt.Fprintf(cmd.OutOrStdout(), "It is restored. Start it with: %s\n", start)
			return nil
		},
	}
	c.Flags().StringVar(&r.data, "data", envOr("KOHE_DATA", defaults().Data), "the data folder to fill, empty or not there yet")
	c.Flags().StringVar(&r.in, "in", "", "the backup")
	c.Flags().StringVar(&r.customer, "customer", "", "only what belongs to this customer")
	c.Flags().StringVar(&r.name, "node", defaults().Node, "the node's name, for all time")
	c.Flags().StringVar(&r.address, "address", "", "host:port at which other nodes will reach it; without, it is a node alone")
	c.Flags().StringVar(&r.region, "region", "", "where the node is, such as eu-north")
	r.unseal.flags(c)
	_ = c.MarkFlagRequired("in") // there is such a flag
	return c
}

// run restores. After an error the folder is as it was, or no node starts on it
// and another run begins anew.
func (r *restore) run(ctx context.Context) (b found, err error) {
	if err := r.check(); err != nil {
		return b, err
	}
	plan := &state.Plan{Customer: r.customer, Node: r.name}
	err = b.readFile(ctx, r.in, r.unseal, backup.Contents{
		Row:   plan.Learn,
		Piece: func(p backup.Piece) error { plan.LearnFile(p.Session, p.Segment); return nil },
	})
	if err != nil {
		return b, fmt.Errorf("%w; nothing was restored", err)
	}
	if err := plan.Ready(); err != nil {
		return b, fmt.Errorf("%s: %w; `kohe backup verify` says what is", r.in, err)
	}
	release, err := claimFolder(r.data)
	if err != nil {
		return b, err
	}
	written, err := r.write(ctx, plan)
	if err == nil && (written.header != b.header || written.totals != b.totals) {
		err = fmt.Errorf("%s was replaced meanwhile", r.in)
	}
	if err == nil && r.address != "" {
		err = initCluster(r.data, r.name, r.address, r.region)
	}
	if err = release(err); err != nil {
		return b, fmt.Errorf("%w; no node starts on what is in %s: run the restore again", err, r.data)
	}
	return b, nil
}

// check says whether the node can be made.
func (r *restore) check() error {
	if r.in == "-" {
		return errors.New("a backup is read twice, so it has to be a file")
	}
	switch {
	case r.address != "":
		if err := checkAddress(r.address); err != nil {
			return err
		}
	case r.region != "":
		return errors.New("a node alone has no region; give --address, too, to make a cluster")
	}
	return peer.Identity{Cluster: relay.NewID(), Node: r.name, Role: peer.RoleCore, Region: r.region}.Validate()
}

// write reads the backup a second time and writes what is planned.
func (r *restore) write(ctx context.Context, plan *state.Plan) (b found, err error) {
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	cell, err := client.OpenRestore(client.RestoreConfig{
		Dir: filepath.Join(r.data, "cell"), NodeID: r.name, Address: r.address, Logger: log, Plan: plan,
	})
	if err != nil {
		return b, err
	}
	files, err := blob.Open(filepath.Join(r.data, "blobs"), vfs.Default, log)
	if err != nil {
		return b, errors.Join(err, cell.Close())
	}
	err = b.readFile(ctx, r.in, r.unseal, backup.Contents{
		Row: cell.Row,
		Piece: func(p backup.Piece) error {
			if !plan.Wants(p.Session) {
				return nil
			}
			return files.Append(blob.Name{Of: p.Session, ID: p.Segment}, p.Offset, p.Bytes)
		},
		Key: func(pem []byte) error {
			if plan.Customer != "" || b.header.Customer != "" {
				return nil // it would be a key to the others
			}
			return auth.SaveKey(r.data, pem)
		},
	})
	if err != nil {
		return b, errors.Join(err, files.Close(), cell.Close())
	}
	return b, errors.Join(files.Close(), cell.Finish(r.now().UnixMilli()))
}

// claimFolder takes an empty folder, or one that a restore was cut off in, for
// a restore. release, without an error, says that everything is there.
func claimFolder(data string) (release func(error) error, err error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	marker := filepath.Join(data, restoringFile)
	switch err := checkRestored(data); {
	case err == nil:
		if err := empty(data); err != nil {
			return nil, err
		}
	case !errors.Is(err, errRestoring):
		return nil, err
	}
	lock, err := vfs.Default.Lock(marker)
	if err != nil {
		return nil, fmt.Errorf("another restore is writing to %s: %w", data, err)
	}
	err = syncFile(data) // before anything is there that it stands for
	for _, name := range restored {
		err = errors.Join(err, os.RemoveAll(filepath.Join(data, name)))
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return func(err error) error {
		steps := []func() error{
			func() error { return syncTree(filepath.Join(data, "cluster")) },
			func() error { return syncFile(data) },
			func() error { return os.Remove(marker) },
			func() error { return syncFile(data) },
		}
		for _, step := range steps {
			if err == nil {
				err = step()
			}
		}
		return errors.Join(err, lock.Close())
	}, nil
}

// empty refuses a folder that holds anything.
func empty(data string) error {
	entries, err := os.ReadDir(data)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != "lost+found" { // of a disk of its own
			return fmt.Errorf("the folder %s is not empty (%s); a restore needs an empty one", data, e.Name())
		}
	}
	return nil
}

var errRestoring = errors.New("a restore was cut off, or is under way")

// checkRestored refuses a folder that a restore has not filled to the end.
func checkRestored(data string) error {
	_, err := os.Stat(filepath.Join(data, restoringFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return cmp.Or(err, fmt.Errorf("the folder %s is not whole: %w. Run `kohe restore` again, or empty the folder", data, errRestoring))
}

// syncTree makes a folder durable, with all that is in it; none is fine.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == dir {
			return nil
		}
		return cmp.Or(err, syncFile(path))
	})
}
