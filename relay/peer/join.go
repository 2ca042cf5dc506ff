package peer

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/quic-go/quic-go"

	"kohe/relay"
)

// JoinALPN is the protocol by which a newcomer joins. The newcomer opens one
// stream and sends a joinRequest, the core node answers with a joinAnswer.
const JoinALPN = "kohe-join/1"

// Bounds of joining.
const (
	joinTimeout    = 5 * time.Second  // from the connection to the whole request
	redeemTimeout  = 10 * time.Second // for the cluster to redeem the token
	maxJoinRequest = 4 << 10          // bytes
	maxJoinAnswer  = 256 << 10        // bytes
)

// Dial opens a QUIC connection; listen.Listener's Dial is one. It returns once
// the handshake is complete or ctx is done.
type Dial func(ctx context.Context, addr string, tls *tls.Config, config *quic.Config) (*quic.Conn, error)

// joinRequest is what a newcomer says.
type joinRequest struct {
	role         Role
	secret       []byte
	node, region string
	csr          []byte // PKCS #10, DER
}

func (r joinRequest) marshal() []byte {
	return appendFields(nil, string(r.role), string(r.secret), r.node, r.region, string(r.csr))
}

func parseJoinRequest(b []byte) (joinRequest, error) {
	f, err := readFields(b, 5)
	if err != nil || len(f[1]) != secretLen {
		return joinRequest{}, relay.Errorf(relay.CodeMalformed, "The join request cannot be read.")
	}
	return joinRequest{role: Role(f[0]), secret: f[1], node: string(f[2]), region: string(f[3]), csr: f[4]}, nil
}

// joinAnswer is what a newcomer hears: a refusal, or its certificate and what
// the cluster wants it to know.
type joinAnswer struct {
	code  relay.Code // "": joined
	text  string
	cert  []byte // DER
	extra []byte
}

func (a joinAnswer) marshal() []byte {
	return appendFields(nil, string(a.code), a.text, string(a.cert), string(a.extra))
}

func parseJoinAnswer(b []byte) (joinAnswer, error) {
	f, err := readFields(b, 4)
	if err != nil {
		return joinAnswer{}, relay.Errorf(relay.CodeMalformed, "The cluster's answer cannot be read.")
	}
	return joinAnswer{code: relay.Code(f[0]), text: string(f[1]), cert: f[2], extra: f[3]}, nil
}

// Join makes this machine the node of that name in the cluster that made the
// token. It asks the token's addresses in turn until one answers. It returns
// the node's credentials, which the caller saves, and what the cluster tells
// newcomers of that role, at most 192 KiB. Errors: a *relay.Error where the
// cluster refuses (CodeAuth: token unknown, spent or expired); else why no core
// node of the cluster could be reached at any address.
func Join(ctx context.Context, dial Dial, token Token, node, region string) (*Credentials, []byte, error) {
	if err := token.validate(); err != nil {
		return nil, nil, err
	}
	var failed []error
	for _, addr := range token.Addrs {
		c, extra, err := joinAt(ctx, dial, addr, token, node, region)
		if err == nil {
			return c, extra, nil
		}
		err = fmt.Errorf("join the cluster at %s: %w", addr, err)
		if _, refused := errors.AsType[*relay.Error](err); refused || ctx.Err() != nil {
			return nil, nil, err
		}
		failed = append(failed, err)
	}
	return nil, nil, errors.Join(failed...)
}

func joinAt(ctx context.Context, dial Dial, addr string, token Token, node, region string) (*Credentials, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout+redeemTimeout)
	defer cancel()
	key, csr, err := newRequest()
	if err != nil {
		return nil, nil, err
	}
	host := &joinHost{fingerprint: token.Fingerprint}
	conn, err := dial(ctx, addr, host.tls(), &quic.Config{HandshakeIdleTimeout: joinTimeout, KeepAlivePeriod: joinTimeout})
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = conn.CloseWithError(0, "") }()
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, nil, err
	}
	answer, err := ask(ctx, stream, joinRequest{token.Role, token.Secret[:], node, region, csr}.marshal())
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(answer.cert)
	if err != nil {
		return nil, nil, fmt.Errorf("the certificate in the answer: %w", err)
	}
	c, err := newCredentials(key, cert, host.ca, time.Now())
	if err != nil {
		return nil, nil, err
	}
	return c, answer.extra, nil
}

// ask sends a request as the whole of a stream and reads the answer.
func ask(ctx context.Context, stream *quic.Stream, request []byte) (joinAnswer, error) {
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Now()) })
	defer stop()
	if _, err := stream.Write(request); err != nil {
		return joinAnswer{}, err
	}
	if err := stream.Close(); err != nil {
		return joinAnswer{}, err
	}
	b, err := io.ReadAll(io.LimitReader(stream, maxJoinAnswer))
	if err != nil {
		return joinAnswer{}, err
	}
	answer, err := parseJoinAnswer(b)
	if err == nil && answer.code != "" {
		err = &relay.Error{Code: answer.code, Text: answer.text}
	}
	return answer, err
}

// joinHost proves to a newcomer that it speaks to a core node of the cluster
// that made its token.
type joinHost struct {
	fingerprint Fingerprint
	ca          *x509.Certificate // once proved
}

func (h *joinHost) tls() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{JoinALPN},
		InsecureSkipVerify: true, // prove replaces it
		VerifyConnection:   h.prove,
	}
}

func (h *joinHost) prove(s tls.ConnectionState) error {
	if len(s.PeerCertificates) != 2 || sha256.Sum256(s.PeerCertificates[1].Raw) != h.fingerprint {
		return errors.New("the node that answers is not of the cluster that made this token")
	}
	ca := s.PeerCertificates[1]
	verifier := &Credentials{ca: ca, pool: x509.NewCertPool()}
	verifier.pool.AddCert(ca)
	id, err := verifier.verify(s.PeerCertificates[0], time.Now())
	if err != nil {
		return err
	}
	if id.Role != RoleCore {
		return fmt.Errorf("the node that answers, %s, is no core node", id.Node)
	}
	h.ca = ca
	return nil
}
