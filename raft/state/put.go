package state

import (
	"cmp"
	"slices"
	"strings"

	"kohe/relay"
	"kohe/relay/desk"
)

// put stores settings and cards. Everything is checked before anything is
// stored; rows of one command may refer to each other.
func (t *txn) put(c Put) error {
	checks := []func(Put) error{t.checkCustomer, t.checkDepartment, t.checkSite, t.checkAgent, t.checkCard}
	for _, check := range checks {
		if err := check(c); err != nil {
			return err
		}
	}
	t.now(c.At)
	if r := c.Customer; r != nil {
		row := *r
		row.Moves = t.customers[r.ID].Moves
		t.customers[r.ID] = row
		t.set(t.key(tableCustomer).name(r.ID), row)
	}
	if r := c.Department; r != nil {
		t.departments[r.ID] = *r
		t.set(t.key(tableDepartment).name(r.ID), r)
		t.queues = append(t.queues, r.ID)
	}
	if r := c.Site; r != nil {
		t.sites[r.ID] = *r
		t.set(t.key(tableSite).name(r.ID), r)
		t.rest = append(t.rest, Change{Site: r.ID})
	}
	if c.Agent != nil {
		t.putAgent(*c.Agent)
	}
	if c.Card != nil {
		t.putCard(*c.Card)
	}
	return nil
}

func (t *txn) customerOf(c Put, id string) error {
	if _, ok := t.customers[id]; ok || c.Customer != nil && c.Customer.ID == id {
		return nil
	}
	return relay.Errorf(relay.CodeNotFound, "There is no customer %q.", id)
}

// owned says whether every department or site in ids belongs to a customer.
func owned(what, customer string, ids []string, of func(id string) string) error {
	if len(ids) > MaxList {
		return relay.Errorf(relay.CodeInvalid, "There are more than %d %ss.", MaxList, what)
	}
	for _, id := range ids {
		if of(id) != customer {
			return relay.Errorf(relay.CodeNotFound, "There is no %s %q of customer %q.", what, id, customer)
		}
	}
	return nil
}

func (t *txn) departmentOwner(c Put) func(id string) string {
	return func(id string) string {
		if r := c.Department; r != nil && r.ID == id {
			return r.Customer
		}
		return t.departments[id].Customer
	}
}

func (t *txn) siteOwner(c Put) func(id string) string {
	return func(id string) string {
		if r := c.Site; r != nil && r.ID == id {
			return r.Customer
		}
		return t.sites[id].Customer
	}
}

// moved refuses a row whose id belongs to another customer already.
func moved(what, id, was, is string) error {
	if was != "" && was != is {
		return relay.Errorf(relay.CodeConflict, "The %s %q belongs to another customer.", what, id)
	}
	return nil
}

func (t *txn) checkCustomer(c Put) error {
	r := c.Customer
	if r == nil {
		return nil
	}
	if _, here := t.customers[r.ID]; !here && t.reserved[idKey{tableCustomer, r.ID}].Cell != 0 {
		return ErrInOtherCell(r.ID)
	}
	return cmp.Or(checkKey("customer", r.ID), checkLabel("customer's name", r.Name, MaxLabel, true))
}

func (t *txn) checkDepartment(c Put) error {
	r := c.Department
	if r == nil {
		return nil
	}
	return cmp.Or(
		checkKey("department", r.ID),
		checkLabel("department's name", r.Name, MaxLabel, true),
		t.customerOf(c, r.Customer),
		moved("department", r.ID, t.ownerOfID(idKey{tableDepartment, r.ID}), r.Customer),
	)
}

func (t *txn) checkSite(c Put) error {
	r := c.Site
	if r == nil {
		return nil
	}
	return cmp.Or(
		checkKey("site", r.ID),
		checkLabel("site's name", r.Name, MaxLabel, true),
		checkLabel("site's color", r.Color, MaxKey, true),
		checkList("origins", r.Origins),
		checkList("masks", r.Mask),
		checkList("what is not masked", r.Unmask),
		checkList("asset origins", r.Assets),
		checkList("images", r.Images),
		checkLevels(r.Without),
		checkRecord(r.Record),
		r.checkPages(),
		t.customerOf(c, r.Customer),
		moved("site", r.ID, t.ownerOfID(idKey{tableSite, r.ID}), r.Customer),
		owned("department", r.Customer, r.Departments, t.departmentOwner(c)),
	)
}

func (t *txn) checkAgent(c Put) error {
	r := c.Agent
	if r == nil {
		return nil
	}
	if r.Role != relay.RoleAgent && r.Role != relay.RoleSupervisor {
		return relay.Errorf(relay.CodeInvalid, "An agent's role is agent or supervisor, not %q.", clip(string(r.Role), MaxKey))
	}
	if r.ID != strings.ToLower(r.ID) {
		return relay.Errorf(relay.CodeInvalid, "A sign-in name is in lower case.")
	}
	if r.Capacity < 0 || r.Capacity > desk.MaxCapacity {
		return relay.Errorf(relay.CodeInvalid, "An agent takes 1 to %d conversations at once.", desk.MaxCapacity)
	}
	if len(r.Password) > MaxPassword {
		return relay.Errorf(relay.CodeInvalid, "The password hash is longer than %d bytes.", MaxPassword)
	}
	return cmp.Or(
		checkKey("agent", r.ID),
		checkLabel("agent's name", r.Name, relay.MaxName, true),
		checkLabel("agent's alias", r.Alias, relay.MaxName, true),
		t.customerOf(c, r.Customer),
		moved("agent", r.ID, t.ownerOfID(idKey{tableAgent, r.ID}), r.Customer),
		owned("site", r.Customer, r.Sites, t.siteOwner(c)),
		owned("department", r.Customer, r.Departments, t.departmentOwner(c)),
	)
}

// places returns how many sessions and offers the agent takes at once.
func (a Agent) places() int { return cmp.Or(a.Capacity, relay.DefaultCapacity) }

// putAgent stores an agent. Older sign-ins are void after a change of password
// and while the agent is disabled.
func (t *txn) putAgent(r Agent) {
	was, known := t.agents[r.ID]
	r.Generation = max(r.Generation, was.Generation)
	if known && r.Password != was.Password {
		r.Generation = max(r.Generation, was.Generation+1)
	}
	t.saveAgent(r)
	if known && (r.Generation > was.Generation || r.Disabled && !was.Disabled) {
		t.rest = append(t.rest, Change{Revoked: r.ID})
	}
	if _, atWork := t.work.Agent(r.ID); !atWork {
		return
	}
	t.did(t.work.Enlist(t.clock, r.ID, r.places(), r.Departments))
	if r.Disabled && !was.Disabled {
		t.did(t.work.Dismiss(t.clock, r.ID))
	}
}

func (t *txn) saveAgent(r Agent) {
	t.agents[r.ID] = r
	t.set(t.key(tableAgent).name(r.ID), r)
}

func (t *txn) setPassword(c SetPassword) error {
	r, ok := t.agents[c.Agent]
	switch {
	case !ok:
		return relay.Errorf(relay.CodeNotFound, "There is no agent %q.", c.Agent)
	case c.Password == "" || len(c.Password) > MaxPassword:
		return relay.Errorf(relay.CodeInvalid, "A password hash has 1 to %d bytes.", MaxPassword)
	}
	t.now(c.At)
	if r.Password == c.Password { // salted: the same hash is the same command again
		return nil
	}
	r.Password = c.Password
	r.Generation++
	t.saveAgent(r)
	t.rest = append(t.rest, Change{Revoked: r.ID})
	return nil
}

func (t *txn) checkCard(c Put) error {
	r := c.Card
	if r == nil {
		return nil
	}
	if r.ID == "" || len(r.ID) > MaxCardID || !printable(r.ID) {
		return relay.Errorf(relay.CodeInvalid, "The id of a card has 1 to %d bytes and no spaces.", MaxCardID)
	}
	site, ok := t.sites[r.Site]
	if c.Site != nil && c.Site.ID == r.Site {
		site, ok = *c.Site, true
	}
	if !ok {
		return relay.Errorf(relay.CodeNotFound, "There is no site %q.", r.Site)
	}
	var was Card
	if t.get(t.key(tableCard).name(r.Site).name(r.ID), &was) && r.At != was.At && !was.sameForm(*r) {
		return relay.Errorf(relay.CodeConflict, "This form was sent before with another text.")
	}
	if !slices.Contains(site.Departments, r.Department) && r.Department != was.Department {
		return relay.Errorf(relay.CodeNotFound, "There is no department %q on this site.", r.Department)
	}
	return cmp.Or(
		checkLabel("name", r.Name, relay.MaxName, true),
		checkLabel("address or number", r.Contact, MaxContact, true),
		relay.CheckText(r.Text),
	)
}

func (c Card) sameForm(o Card) bool {
	return c.Visitor == o.Visitor && c.Name == o.Name && c.Contact == o.Contact && c.Text == o.Text
}

// putCard stores a card. One with the time of the card stored under its id is
// an edit of that; with another time it is the same form sent again, which
// changes nothing.
func (t *txn) putCard(r Card) {
	var was Card
	k := t.key(tableCard).name(r.Site).name(r.ID)
	if t.get(k, &was) && r.At != was.At {
		return
	}
	t.set(k, r)
	t.setBytes(t.key(tableByCard).name(r.Site).newest(r.At).name(r.ID), nil)
}

// Principal returns who an agent is to the rest of the node.
func (a Agent) Principal() relay.Principal {
	return relay.Principal{
		Role: a.Role, Customer: a.Customer, Agent: a.ID, Name: a.Alias, Sites: a.Sites, Depts: a.Departments,
	}
}
