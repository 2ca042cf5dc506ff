package peer

import (
	"context"
	"fmt"
	"io"
	"time"

	"kohe/relay"
)

// renewTimeout is how long a core node waits for a request to renew.
const renewTimeout = 5 * time.Second

// Renew has a core node sign the node's certificate anew, for a year, and puts
// it to use; the caller saves the Credentials. It is time when Credentials.Due
// says so. Errors: a *relay.Error where the core node refuses.
func (p *Peers) Renew(ctx context.Context, core string) error {
	err := p.renew(ctx, core)
	if err != nil {
		return fmt.Errorf("renew the certificate at %s: %w", core, err)
	}
	return nil
}

func (p *Peers) renew(ctx context.Context, core string) error {
	c, err := p.Conn(ctx, core)
	if err != nil {
		return err
	}
	request, err := p.config.Credentials.Request()
	if err != nil {
		return err
	}
	s, err := c.Open(ctx, kindRenew)
	if err != nil {
		return err
	}
	answer, err := ask(ctx, s.Stream, request)
	if err != nil {
		return err
	}
	return p.config.Credentials.Renew(answer.cert, time.Now())
}

// serveRenew signs for the identity that the other node has proved, whatever it
// asks for.
func (p *Peers) serveRenew(_ context.Context, c *Conn, s Stream) {
	_ = s.SetDeadline(time.Now().Add(renewTimeout))
	answer, err := p.sign(c.peer, s)
	if err != nil {
		e := relay.AsError(err)
		answer = joinAnswer{code: e.Code, text: e.Text}
	}
	p.log.Info("a node renews its certificate", "node", c.peer.Node, "err", err)
	if _, err := s.Write(answer.marshal()); err != nil {
		s.CancelWrite(0)
	}
	_ = s.Close()
}

func (p *Peers) sign(id Identity, from io.Reader) (joinAnswer, error) {
	if p.config.CA == nil {
		return joinAnswer{}, relay.Errorf(relay.CodeForbidden, "The node %s is no core node and renews no certificates.", p.self.Node)
	}
	request, err := io.ReadAll(io.LimitReader(from, maxRequest+1))
	if err != nil {
		return joinAnswer{}, err
	}
	cert, err := p.config.CA.Sign(request, id, time.Now())
	if err != nil {
		return joinAnswer{}, err
	}
	return joinAnswer{cert: cert.Raw}, nil
}
