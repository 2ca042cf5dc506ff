package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"kohe/edge/api"
	"kohe/raft/state"
	"kohe/relay"
)

// customerAsk is a customer as the command line gives them.
type customerAsk struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Cell uint64 `json:"cell"`
}

// registerCells adds the commands on cells and customers to the node's socket.
func (n *node) registerCells(mux *http.ServeMux) {
	mux.HandleFunc("GET /cells", localAnswer(n, func(*http.Request, struct{}) (any, error) { return n.cellStatus(), nil }))
	mux.HandleFunc("POST /cells", localAnswer(n, func(r *http.Request, _ struct{}) (any, error) {
		number, err := n.foundCell(r.Context())
		return api.CellStatus{Number: number}, err
	}))
	mux.HandleFunc("GET /customers", localAnswer(n, func(*http.Request, struct{}) (any, error) {
		list := []customerAsk{}
		for _, c := range n.cells.Read().Customers() {
			list = append(list, customerAsk{c.ID, c.Name, n.cells.CellOf(c.ID)})
		}
		return list, nil
	}))
	mux.HandleFunc("POST /customers", localAnswer(n, func(r *http.Request, in customerAsk) (any, error) {
		if !api.ValidID(in.ID) {
			return nil, relay.Errorf(relay.CodeInvalid, "A customer's id has 1 to 60 letters a–z, digits and . _ @ -, and starts with a letter or digit.")
		}
		if err := api.PlainName(in.Name); err != nil {
			return nil, err
		}
		row := state.Customer{ID: in.ID, Name: cmp.Or(in.Name, in.ID)}
		in.Cell = cmp.Or(in.Cell, n.cells.CellOf(in.ID), firstCell)
		if err := n.awaitCell(r.Context(), in.Cell); err != nil {
			return nil, err
		}
		return in, n.cells.Found(r.Context(), row, in.Cell, n.now().UnixMilli())
	}))
	mux.HandleFunc("POST /customers/move", localAnswer(n, func(r *http.Request, in customerAsk) (any, error) {
		return in, n.moveCustomer(r.Context(), in.ID, in.Cell)
	}))
}

// localAnswer answers a command of a node that has the cells.
func localAnswer[In any](n *node, h func(*http.Request, In) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		if n.cells == nil {
			api.AnswerLocal(w, nil, errEdgeOnly)
			return
		}
		if r.Method == http.MethodPost {
			if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&in); err != nil {
				api.AnswerLocal(w, nil, relay.Errorf(relay.CodeMalformed, "The request cannot be read."))
				return
			}
		}
		v, err := h(r, in)
		api.AnswerLocal(w, v, err)
	}
}

// cellStatus returns how each cell is.
func (n *node) cellStatus() []api.CellStatus {
	numbers, all := n.cells.Cells()
	list := make([]api.CellStatus, len(all))
	for i, c := range all {
		leader, _ := c.Node().Leader()
		list[i] = api.CellStatus{Number: numbers[i], Leader: leader, Applied: c.Applied(), Sessions: len(c.Read().Live())}
		for _, m := range c.Read().Moves() {
			if m.Phase == state.Departed || m.Phase == state.Arriving {
				list[i].Moving++
			}
		}
	}
	for _, c := range n.cells.Read().Customers() {
		if i := slices.Index(numbers, n.cells.CellOf(c.ID)); i >= 0 {
			list[i].Customers++
		}
	}
	return list
}

func cellCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "cell", Short: "Cells of a running cluster",
		Long: "Cells of a running cluster. A customer belongs to one; each commits by itself and is led by another core node.\n" +
			"ARCHITECTURE.md says what another one gives and what it costs.",
	}
	var l local
	l.flag(c)
	add := &cobra.Command{
		Use: "add", Short: "Add a cell to the cluster", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var out api.CellStatus
			if err := l.call(cmd.Context(), http.MethodPost, "/cells", struct{}{}, &out); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "There is a cell %d now. Bring customers there with: kohe customer move ID --cell %d\n", out.Number, out.Number)
			return nil
		},
	}
	list := &cobra.Command{
		Use: "list", Short: "List the cells", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var lines []api.CellStatus
			if err := l.call(cmd.Context(), http.MethodGet, "/cells", nil, &lines); err != nil {
				return err
			}
			return table(cmd, cellHead, lines, cellCells)
		},
	}
	c.AddCommand(add, list)
	return c
}

// cellHead is the head of a table of cells, and cellCells a row.
const cellHead = "CELL\tLEADER\tCUSTOMERS\tON THE WAY\tSESSIONS\tAPPLIED"

func cellCells(c api.CellStatus) []string {
	return []string{number(c.Number), cmp.Or(c.Leader, "none"), number(c.Customers), number(c.Moving), number(c.Sessions), number(c.Applied)}
}

func customerCommand() *cobra.Command {
	c := &cobra.Command{Use: "customer", Short: "Customers of a running cluster: who sites and agents belong to"}
	var l local
	l.flag(c)
	var in customerAsk
	add := &cobra.Command{
		Use: "add ID", Short: "Add a customer, or give one another name", Args: cobra.ExactArgs(1),
		Example: "  kohe customer add acme --name 'Acme' --cell 2\n  kohe site add acme-shop --customer acme --origin https://shop.example",
		RunE: func(cmd *cobra.Command, args []string) error {
			in.ID = args[0]
			if err := l.call(cmd.Context(), http.MethodPost, "/customers", in, &in); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The customer %s is in the cell %d.\n", in.ID, in.Cell)
			return nil
		},
	}
	add.Flags().StringVar(&in.Name, "name", "", "name (default: the id)")
	add.Flags().Uint64Var(&in.Cell, "cell", 0, "the cell of a new customer (default: 1)")
	list := &cobra.Command{
		Use: "list", Short: "List the customers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []customerAsk
			if err := l.call(cmd.Context(), http.MethodGet, "/customers", nil, &all); err != nil {
				return err
			}
			return table(cmd, "ID\tNAME\tCELL", all, func(c customerAsk) []string { return []string{c.ID, c.Name, number(c.Cell)} })
		},
	}
	move := &cobra.Command{
		Use: "move ID", Short: "Move a customer to another cell; their conversations go on", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.ID = args[0]
			if err := l.call(cmd.Context(), http.MethodPost, "/customers/move", in, &in); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The customer %s is in the cell %d now.\n", in.ID, in.Cell)
			return nil
		},
	}
	move.Flags().Uint64Var(&in.Cell, "cell", 0, "the cell to move to")
	_ = move.MarkFlagRequired("cell") // there is such a flag
	c.AddCommand(add, list, move)
	return c
}

func number[N int | uint64](v N) string { return fmt.Sprint(v) }
