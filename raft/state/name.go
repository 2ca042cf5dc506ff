package state

import "kohe/relay"

// Reserve keeps ids for a customer who is in another cell, or who is to be. Each
// id is of one customer in the whole cluster, and the first cell says of which:
// by its own rows, by these, and by those that it keeps when a customer leaves
// it. Again is harmless. Refused: an id that another customer has, a new
// customer who is there (conflict).
type Reserve struct {
	Customer   string `cbor:"1,keyasint"`
	Cell       uint64 `cbor:"2,keyasint,omitempty"` // of a new customer; 0: they are in one
	Site       string `cbor:"3,keyasint,omitempty"` // "": none, as in the next two
	Department string `cbor:"4,keyasint,omitempty"`
	Agent      string `cbor:"5,keyasint,omitempty"`
	At         int64  `cbor:"6,keyasint"`
}

// Since implements what Since asks for.
func (Reserve) Since() int { return fifth }

// idKey is the id of a site, department, agent or customer: table is theirs.
type idKey struct {
	table byte
	name  string
}

// reserved is an id that a customer in another cell has.
type reserved struct {
	Table    byte   `cbor:"1,keyasint"`
	ID       string `cbor:"2,keyasint"`
	Customer string `cbor:"3,keyasint"`
	Cell     uint64 `cbor:"4,keyasint,omitempty"` // that a customer began in
}

func (r reserved) key() idKey { return idKey{r.Table, r.ID} }

// ownerOfID returns the customer that an id is of, as far as this cell knows.
func (s *State) ownerOfID(k idKey) string {
	is := ""
	switch k.table {
	case tableSite:
		is = s.sites[k.name].Customer
	case tableDepartment:
		is = s.departments[k.name].Customer
	case tableAgent:
		is = s.agents[k.name].Customer
	}
	if is == "" {
		is = s.reserved[k].Customer
	}
	return is
}

// ErrInOtherCell refuses to make a customer who is in another cell.
func ErrInOtherCell(customer string) error {
	return relay.Errorf(relay.CodeConflict, "The customer %q is in another cell. Move them with `kohe customer move`.", clip(customer, MaxKey))
}

func (t *txn) reserve(c Reserve) error {
	if err := checkKey("customer", c.Customer); err != nil {
		return err
	}
	var list []reserved
	if k := (idKey{tableCustomer, c.Customer}); c.Cell != 0 && t.reserved[k].Cell != c.Cell {
		_, here := t.customers[c.Customer]
		_, moves := t.moves[c.Customer]
		if here || moves || t.reserved[k].Cell != 0 {
			return ErrInOtherCell(c.Customer)
		}
		list = append(list, reserved{k.table, k.name, c.Customer, c.Cell})
	}
	for _, k := range []idKey{{tableSite, c.Site}, {tableDepartment, c.Department}, {tableAgent, c.Agent}} {
		if k.name == "" {
			continue
		}
		what := map[byte]string{tableSite: "site", tableDepartment: "department", tableAgent: "agent"}[k.table]
		was := t.ownerOfID(k)
		if err := checkKey(what, k.name); err != nil {
			return err
		}
		if err := moved(what, k.name, was, c.Customer); err != nil {
			return err
		}
		if was == "" {
			list = append(list, reserved{Table: k.table, ID: k.name, Customer: c.Customer})
		}
	}
	t.now(c.At)
	for _, r := range list {
		t.keepID(r)
	}
	return nil
}

// keepIDs notes whose the ids are of a customer who leaves the first cell, which
// is the one that knows of others.
func (t *txn) keepIDs(customer string) {
	if len(t.cells) == 0 {
		return
	}
	for _, s := range t.sites { // in any order, as below: distinct rows
		if s.Customer == customer {
			t.keepID(reserved{Table: tableSite, ID: s.ID, Customer: customer})
		}
	}
	for _, d := range t.departments {
		if d.Customer == customer {
			t.keepID(reserved{Table: tableDepartment, ID: d.ID, Customer: customer})
		}
	}
	for _, a := range t.agents {
		if a.Customer == customer {
			t.keepID(reserved{Table: tableAgent, ID: a.ID, Customer: customer})
		}
	}
}

func (t *txn) keepID(r reserved) {
	t.reserved[r.key()] = r
	k := append(t.key(tableReserved), r.Table)
	t.set(k.name(r.ID), r)
}
