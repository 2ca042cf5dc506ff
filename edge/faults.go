package edge

import (
	"strings"

	"kohe/dom/mask"
	"kohe/relay"
	"kohe/relay/wire"
)

// faults relays what went wrong on the visitor's page to whoever watches it.
// It is kept nowhere, and bounded here whatever the browser sent.
func (c *client) faults(p wire.FaultsPayload, _ uint64) error {
	l, err := c.edge.sessionOf(c, p.Session)
	if err != nil {
		return err
	}
	if len(p.Faults) > wire.MaxFaults {
		return relay.Errorf(relay.CodeInvalid, "At most %d faults are told at once.", wire.MaxFaults)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	site, ok := c.edge.Store.Site(l.row.Site)
	if c != l.mirror.lead || !ok {
		return nil // sent before this tab heard that it does not lead
	}
	for i, f := range p.Faults {
		p.Faults[i] = cleanFault(f, site.MaskAll)
	}
	for w := range l.mirror.watchers {
		w.push(wire.Faults, p)
	}
	return nil
}

// cleanFault bounds what a browser says of a fault. Where all is masked it says
// only where and what status.
func cleanFault(f wire.Fault, maskAll bool) wire.Fault {
	text, _, _ := strings.Cut(f.Text, "\n")
	if maskAll {
		text = ""
	}
	if f.Status < 400 || f.Status > 599 {
		f.Status = 0
	}
	return wire.Fault{At: f.At, Text: clipTo(text, wire.MaxFaultText), URL: clipTo(mask.Path(f.URL), wire.MaxFaultURL), Status: f.Status}
}
