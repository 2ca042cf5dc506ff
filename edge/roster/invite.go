package roster

import (
	"kohe/relay"
	"kohe/relay/wire"
)

var (
	errGone    = relay.Errorf(relay.CodeGone, "This visitor has left the site.")
	errOpen    = relay.Errorf(relay.CodeConflict, "This visitor has the chat open.")
	errInvited = relay.Errorf(relay.CodeConflict, "This visitor was invited within the last hour.")
)

// Invite shows an invitation on the tab that the visit's row shows. Nobody is
// invited twice within InviteAgain, unless they accepted, or with the chat open:
// that is CodeConflict.
// Who is not there is CodeGone.
func (r *Roster) Invite(name string, id relay.ID, by string, now int64) error {
	r.mu.Lock()
	v, err := r.invite(name, id, now)
	r.mu.Unlock()
	if err == nil {
		v.who.Invite(wire.InvitationPayload{By: by})
	}
	return err
}

func (r *Roster) invite(name string, id relay.ID, now int64) (*Tab, error) {
	s := r.sites[name]
	if s == nil || s.ids[id] == nil || len(s.ids[id].tabs) == 0 {
		return nil, errGone
	}
	v := s.ids[id]
	if v.shown.who.Invite == nil || v.Invited == wire.InvitedAccepted {
		return nil, errOpen
	}
	if v.invited != 0 && now-v.invited < InviteAgain {
		return nil, errInvited
	}
	v.invited, v.Invited = now, wire.InvitedAsked
	s.version++
	return v.shown, nil
}

// Answer notes what the visitor says to an invitation. Who accepts one may be
// invited again once the chat is over.
func (t *Tab) Answer(accept bool) {
	t.roster.mu.Lock()
	defer t.roster.mu.Unlock()
	if t.visit == nil || t.visit.invited == 0 {
		return
	}
	t.visit.Invited = wire.InvitedDeclined
	if accept {
		t.visit.Invited, t.visit.invited = wire.InvitedAccepted, 0
	}
	t.site.version++
}
