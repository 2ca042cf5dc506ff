package state

import (
	"bytes"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"kohe/relay"
)

// owner is whose a row is: by what its key says, which may be a customer's or
// that of something that belongs to a customer.
type owner struct {
	kind ownerKind
	name string   // of a customer, site, department or agent
	id   relay.ID // of a session
}

type ownerKind byte

const (
	ofCell       ownerKind = iota + 1 // what has been applied: of no customer, and in every backup
	ofCluster                         // who its nodes are: of no customer, and in no backup
	ofCustomer                        // name
	ofSite                            // name
	ofDepartment                      // name
	ofAgent                           // name
	ofSession                         // id
)

// ownerOf says whose a row is. k is its key without the state's prefix. The
// error is of a key that no row of this version has.
func ownerOf(k []byte) (owner, error) {
	if len(k) == 0 {
		return owner{}, fmt.Errorf("a row without a key")
	}
	rest := keyReader(k[1:])
	var o owner
	ok := false
	switch k[0] {
	case tableMeta:
		o, ok = owner{kind: ofCell}, rest.end()
	case tableNode, tableMove:
		o, ok = owner{kind: ofCluster}, rest.name() != "" && rest.end()
	case tableToken, tableArrival, tableCell, tableReserved:
		o, ok = owner{kind: ofCluster}, true
	case tableCustomer:
		o, ok = rest.named(ofCustomer), rest.end()
	case tableSite:
		o, ok = rest.named(ofSite), rest.end()
	case tableDepartment:
		o, ok = rest.named(ofDepartment), rest.end()
	case tableAgent, tableWork:
		o, ok = rest.named(ofAgent), rest.end()
	case tableVisitor:
		o, ok = rest.named(ofSite), rest.skip(16) && rest.end()
	case tableLive, tableEnded, tableFacts:
		o, ok = rest.session(), rest.end()
	case tableMessage:
		o, ok = rest.session(), rest.skip(8) && rest.end()
	case tableIdentity:
		o, ok = rest.session(), bytes.Count(rest, []byte{0}) == 3 && rest[len(rest)-1] == 0
	case tableSegment:
		o, ok = rest.session(), rest.skip(16) && rest.end()
	case tableWord:
		o, ok = rest.named(ofCustomer), rest.name() != "" && rest.skip(8+16+8) && rest.end()
	case tableByCustomer:
		o, ok = rest.named(ofCustomer), rest.skip(8+16) && rest.end()
	case tableByAgent:
		o, ok = rest.named(ofAgent), rest.skip(8+16) && rest.end()
	case tablePending:
		ok = rest.skip(8)
		o, ok = rest.session(), ok && rest.end()
	case tableByVisitor:
		ok = rest.skip(16 + 8)
		o, ok = rest.session(), ok && rest.end()
	case tableCard:
		o, ok = rest.named(ofSite), rest.name() != "" && rest.end()
	case tableByCard:
		o, ok = rest.named(ofSite), rest.skip(8) && rest.name() != "" && rest.end()
	case tableByAge:
		o, ok = rest.named(ofSite), rest.skip(8+16+16) && rest.end()
	}
	if !ok || o.kind >= ofCustomer && o.name == "" && o.id.IsZero() {
		return owner{}, fmt.Errorf("the row %q is of no table of version %d", k, Version)
	}
	return o, nil
}

// keyReader is what of a key is not read yet.
type keyReader []byte

func (r *keyReader) end() bool { return len(*r) == 0 }

func (r *keyReader) skip(n int) bool {
	if len(*r) < n {
		*r = nil
		return false
	}
	*r = (*r)[n:]
	return true
}

// name reads a name, "" if there is none.
func (r *keyReader) name() string {
	i := bytes.IndexByte(*r, 0)
	if i < 0 {
		*r = nil
		return ""
	}
	name := string((*r)[:i])
	*r = (*r)[i+1:]
	return name
}

func (r *keyReader) named(kind ownerKind) owner { return owner{kind: kind, name: r.name()} }

func (r *keyReader) session() owner {
	o := owner{kind: ofSession}
	if k := *r; r.skip(len(o.id)) {
		o.id = idAt(k)
	}
	return o
}

// customers says which customer an owner belongs to, "" for none.
type customers interface {
	of(o owner) (string, error)
}

// ownedRow is what rows of sites, departments, agents and sessions have in common.
type ownedRow struct {
	Customer string `cbor:"2,keyasint"`
}

// rowCustomers looks owners up in the rows of one moment. One goroutine uses it.
type rowCustomers struct {
	state *State
	rows  *pebble.Iterator
	last  owner // that was asked for: rows of one owner mostly stand together
	is    string
}

func (c *rowCustomers) of(o owner) (string, error) {
	if o == c.last {
		return c.is, nil
	}
	var keys []key
	switch o.kind {
	case ofCustomer:
		return o.name, nil
	case ofSite:
		keys = []key{c.state.key(tableSite).name(o.name)}
	case ofDepartment:
		keys = []key{c.state.key(tableDepartment).name(o.name)}
	case ofAgent:
		keys = []key{c.state.key(tableAgent).name(o.name)}
	case ofSession:
		keys = []key{c.state.key(tableEnded).id(o.id), c.state.key(tableLive).id(o.id)}
	}
	c.last, c.is = o, ""
	for _, k := range keys {
		if !c.rows.SeekGE(k) || !bytes.Equal(c.rows.Key(), k) {
			continue
		}
		var row ownedRow
		if err := decoder.Unmarshal(c.rows.Value(), &row); err != nil {
			return "", fmt.Errorf("read row %q: %w", k, err)
		}
		c.is = row.Customer
		break
	}
	return c.is, c.rows.Error()
}

// oneCustomer is what belongs to one customer, read from rows in any order. It
// has 16 bytes and a map's place for each of the customer's sessions.
type oneCustomer struct {
	id   string
	has  map[owner]bool
	seen bool // its own row
}

func newOneCustomer(id string) *oneCustomer {
	return &oneCustomer{id: id, has: map[owner]bool{}}
}

// learn reads a row.
func (c *oneCustomer) learn(k, value []byte) error {
	o, err := ownerOf(k)
	if err != nil {
		return err
	}
	switch k[0] {
	case tableCustomer:
		c.seen = c.seen || o.name == c.id
	case tableSite, tableDepartment, tableAgent:
		var row ownedRow
		if err := decoder.Unmarshal(value, &row); err != nil {
			return fmt.Errorf("read row %q: %w", k, err)
		}
		if row.Customer == c.id {
			c.has[o] = true
		}
	case tableByCustomer:
		if o.name == c.id {
			c.has[owner{kind: ofSession, id: idAt(tail(k, 16))}] = true
		}
	}
	return nil
}

func (c *oneCustomer) of(o owner) (string, error) {
	if o.kind == ofCustomer && o.name == c.id || c.has[o] {
		return c.id, nil
	}
	return "", nil
}

// selects reports whether a row is in a backup: of everything, or of one
// customer.
func selects(k []byte, customer string, by customers) (bool, error) {
	o, err := ownerOf(k)
	switch {
	case err != nil:
		return false, err
	case o.kind == ofCluster:
		return false, nil
	case o.kind == ofCell || customer == "":
		return true, nil
	}
	is, err := by.of(o)
	return is == customer, err
}
