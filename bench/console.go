package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"kohe/relay"
)

// password is everybody's who signs in; widget/e2e knows it.
const password = "welcome-aboard"

// asking bounds a request of a console.
const asking = 5 * time.Second

// console is what an agent's page asks a node over HTTP. It signs in once: a
// node that comes back, and a core node in another's stead, honour that.
type console struct {
	at     *node
	name   string       // to sign in with
	cookie *http.Cookie // nil: not signed in yet
}

// ticket returns a ticket for a hello at this node.
func (c *console) ticket(ctx context.Context) (string, error) {
	var t struct {
		Ticket string `json:"ticket"`
	}
	err := c.ask(ctx, http.MethodPost, "/ticket", struct{}{}, &t)
	return t.Ticket, err
}

// transcript reads a transcript at the node: what comes after a place, 0 for all.
func (c *console) transcript(ctx context.Context, id relay.ID, after uint64) (all []relay.Message, err error) {
	for ; ; after = all[len(all)-1].Seq {
		var page struct {
			Messages []relay.Message `json:"messages"`
			More     bool            `json:"more"`
		}
		if err := c.ask(ctx, http.MethodGet, fmt.Sprintf("/sessions/%s/messages?after=%d", id, after), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Messages...)
		if !page.More || len(page.Messages) == 0 {
			return all, nil
		}
	}
}

// ask signs in, if need be, and sends a request of the API, within asking.
func (c *console) ask(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	if c.cookie == nil {
		answer, err := c.send(ctx, http.MethodPost, "/sign-in", map[string]string{"name": c.name, "password": password}, nil)
		if err == nil && len(answer.Cookies()) == 0 {
			err = errors.New("there is no cookie")
		}
		if err != nil {
			return fmt.Errorf("sign %s in: %w", c.name, err)
		}
		c.cookie = answer.Cookies()[0]
	}
	_, err := c.send(ctx, method, path, in, out)
	return err
}

// send sends one request and reads the answer into out, unless that is nil. Its
// body is closed when send returns.
func (c *console) send(ctx context.Context, method, path string, in, out any) (*http.Response, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, c.at.Base+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Kohe", "1") // the console says so, other sites cannot
	if c.cookie != nil {
		request.AddCookie(c.cookie)
	}
	answer, err := c.at.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s at %s: %s", method, path, c.at.name, answer.Status)
	}
	if out != nil {
		err = json.NewDecoder(answer.Body).Decode(out)
	}
	return answer, err
}
