package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"

	"kohe/relay/wire"
)

// maxAnswer bounds what a local call reads, in bytes.
const maxAnswer = 16 << 20

// CallLocal asks the node behind a unix socket: in is sent as JSON, the answer
// is read into out. The node's refusal is an error with its own text.
func CallLocal(ctx context.Context, socket, method, path string, in, out any) error {
	answer, err := StreamLocal(ctx, socket, method, path, in)
	if err != nil {
		return err
	}
	defer answer.Close()
	text, err := io.ReadAll(io.LimitReader(answer, maxAnswer))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, out)
}

// unanswered says why nobody can be asked at a socket, and what to do.
func unanswered(socket string, err *net.OpError) error {
	const next = "start one with `kohe serve`, or say where its data is with --data"
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no node answers at %s; %s", socket, next)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("this user may not speak to the node at %s; run the command as the user whose node it is", socket)
	case errors.Is(err, syscall.EINVAL):
		return fmt.Errorf("the path %s is too long for a socket; give --data as a shorter path, from where you are", socket)
	}
	return fmt.Errorf("no node answers at %s; %s: %w", socket, next, err.Err)
}

// StreamLocal asks like CallLocal, and returns an answer of any length as it
// comes. The caller closes it.
func StreamLocal(ctx context.Context, socket, method, path string, in any) (io.ReadCloser, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://node"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return nil, unanswered(socket, op)
	} else if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	var e wire.ErrorPayload
	if json.Unmarshal(text, &e) == nil && e.Text != "" {
		return nil, errors.New(e.Text)
	}
	return nil, fmt.Errorf("the node answered %s", answer.Status)
}
