package state

import "kohe/relay"

// settled says whether a command may be about whom it is about: not about
// customers who are on the way or gone.
func (t *txn) settled(cmd Command) error {
	if len(t.moves) == 0 {
		return nil
	}
	for _, customer := range t.about(cmd, t.session) {
		if _, moves := t.moves[customer]; moves {
			return errMoving
		}
	}
	return nil
}

// about returns the customers that a command is about. find finds a session.
func (s *State) about(cmd Command, find func(relay.ID) *session) (list []string) {
	add := func(customer string) {
		if customer != "" {
			list = append(list, customer)
		}
	}
	switch c := cmd.(type) {
	case Put:
		if c.Customer != nil {
			add(c.Customer.ID)
		}
		if c.Site != nil {
			add(c.Site.Customer)
		}
		if c.Department != nil {
			add(c.Department.Customer)
		}
		if c.Agent != nil {
			add(c.Agent.Customer)
		}
		if c.Card != nil {
			add(s.sites[c.Card.Site].Customer)
		}
	case OpenSession:
		add(s.sites[c.Site].Customer)
	case Block:
		add(s.sites[c.Site].Customer)
	case SetAgentState:
		add(s.agents[c.Agent].Customer)
	case SetAgentOnline:
		add(s.agents[c.Agent].Customer)
	case SetPassword:
		add(s.agents[c.Agent].Customer)
	default:
		if id := sessionOf(cmd); !id.IsZero() {
			if row := find(id); row != nil {
				add(row.Customer)
			}
		}
	}
	return list
}

// sessionOf returns the session that a command is about, zero for none.
func sessionOf(cmd Command) relay.ID {
	switch c := cmd.(type) {
	case Claim:
		return c.Session
	case Append:
		return c.Session
	case SetMarks:
		return c.Session
	case SetConsent:
		return c.Session
	case SetLevel:
		return c.Session
	case SetPage:
		return c.Session
	case SetOnline:
		return c.Session
	case EndSession:
		return c.Session
	case Answer:
		return c.Session
	case AddSegment:
		return c.Segment.Session
	}
	return relay.ID{}
}
