package peer

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kohe/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newCA(t testing.TB) *CA {
	t.Helper()
	ca, err := NewCA(relay.NewID(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func issue(t testing.TB, ca *CA, node string, role Role) *Credentials {
	t.Helper()
	c, err := ca.Issue(Identity{Cluster: ca.Cluster(), Node: node, Role: role}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestACertificateStatesOneIdentity(t *testing.T) {
	ca := newCA(t)
	for _, id := range []Identity{
		{ca.Cluster(), "a", RoleCore, ""},
		{ca.Cluster(), "edge-1.tll_x", RoleEdge, "eu-north"},
		{ca.Cluster(), strings.Repeat("n", maxName), RoleEdge, strings.Repeat("r", maxName)},
	} {
		c, err := ca.Issue(id, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		have, err := IdentityOf(c.Certificate())
		if err != nil || have != id || c.Identity() != id || c.Certificate().Subject.CommonName != id.Node {
			t.Errorf("%+v, %v, want %+v", have, err, id)
		}
	}
	for _, bad := range []Identity{
		{ca.Cluster(), "", RoleCore, ""}, {ca.Cluster(), "A", RoleCore, ""}, {ca.Cluster(), "-a", RoleCore, ""},
		{ca.Cluster(), "a/b", RoleCore, ""}, {ca.Cluster(), "ä", RoleCore, ""}, {ca.Cluster(), strings.Repeat("n", maxName+1), RoleCore, ""},
		{ca.Cluster(), "a", "owner", ""}, {ca.Cluster(), "a", RoleEdge, "x&region=y"},
		{relay.NewID(), "a", RoleEdge, ""}, {relay.ID{}, "a", RoleEdge, ""},
	} {
		if _, err := ca.Issue(bad, time.Now()); relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := IdentityOf(ca.Certificate()); err == nil {
		t.Error("the CA's own certificate is a node's")
	}
}

func TestOnlyARequestThatHoldsItsKeyIsSigned(t *testing.T) {
	ca := newCA(t)
	id := Identity{ca.Cluster(), "a", RoleEdge, ""}
	_, request, err := newRequest()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Sign(request, id, time.Now()); err != nil {
		t.Fatal(err)
	}
	forged := bytes.Clone(request)
	forged[len(forged)-1] ^= 1
	for name, bad := range map[string][]byte{"forged": forged, "none": nil, "long": make([]byte, maxRequest+1)} {
		if _, err := ca.Sign(bad, id, time.Now()); relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAForeignOrExpiredCertificateIsNoCredential(t *testing.T) {
	ours, theirs := newCA(t), newCA(t)
	now := time.Now()
	a, b := issue(t, ours, "a", RoleEdge), issue(t, theirs, "b", RoleEdge)
	if _, err := a.verify(b.Certificate(), now); err == nil {
		t.Error("a certificate of another CA is taken")
	}
	if _, err := a.verify(a.Certificate(), now.Add(nodeLife+time.Minute)); err == nil {
		t.Error("an expired certificate is taken")
	}
	if _, err := a.verify(a.Certificate(), now.Add(-2*clockSkew)); err == nil {
		t.Error("a certificate of the future is taken")
	}
	if _, err := a.verify(ours.Certificate(), now); err == nil {
		t.Error("the CA's certificate is a node's")
	}
	// A CA that signs for another cluster than its own: the name decides too.
	liar := &CA{cluster: theirs.cluster, key: ours.key, cert: ours.cert}
	if _, err := liar.Issue(Identity{theirs.cluster, "c", RoleCore, ""}, now); err == nil || !strings.Contains(err.Error(), "another cluster") {
		t.Errorf("a certificate for another cluster: %v", err)
	}
}

func TestACertificateIsRenewedInItsLastThird(t *testing.T) {
	ca := newCA(t)
	now := time.Now()
	c := issue(t, ca, "a", RoleEdge)
	if c.Due(now.Add(nodeLife*65/100)) || !c.Due(now.Add(nodeLife*68/100)) {
		t.Error("not due in the last third only")
	}
	request, err := c.Request()
	if err != nil {
		t.Fatal(err)
	}
	later := now.Add(nodeLife * 7 / 10)
	fresh, err := ca.Sign(request, c.Identity(), later)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Renew(fresh.Raw, later); err != nil || c.Due(later) {
		t.Errorf("after renewal: due %v, %v", c.Due(later), err)
	}
	other, err := ca.Sign(request, Identity{ca.Cluster(), "a", RoleCore, ""}, later)
	if err != nil {
		t.Fatal(err)
	}
	for name, der := range map[string][]byte{
		"another role": other.Raw, "another key": issue(t, ca, "a", RoleEdge).Certificate().Raw, "no certificate": []byte("x"),
	} {
		if err := c.Renew(der, later); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestCredentialsOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	ca := newCA(t)
	c := issue(t, ca, "a", RoleCore)
	now := time.Now()
	if _, err := LoadCredentials(dir, now); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before the first save: %v", err)
	}
	if _, err := LoadCA(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before the first save: %v", err)
	}
	first, err := ResetKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Save(dir), c.Save(dir), ca.Save(dir)); err != nil {
		t.Fatal(err)
	}
	again, err := LoadCredentials(dir, now)
	if err != nil || again.Identity() != c.Identity() || !again.key.Equal(c.key) {
		t.Errorf("%+v, %v", again, err)
	}
	sameCA, err := LoadCA(dir)
	if err != nil || sameCA.Fingerprint() != ca.Fingerprint() || sameCA.Cluster() != ca.Cluster() || !sameCA.key.Equal(ca.key) {
		t.Errorf("%+v, %v", sameCA, err)
	}
	second, err := ResetKey(dir)
	if err != nil || *second != *first {
		t.Errorf("the reset key changed: %v", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Errorf("%v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestABadFileSaysWhatToDo(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	good := issue(t, ca, "a", RoleEdge)
	crossed, err := marshalPEM(good.key, good.Certificate(), other.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	swapped, err := marshalPEM(ca.key, good.Certificate(), ca.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"empty": nil, "half": crossed[:len(crossed)/2], "crossed": crossed, "swapped": swapped} {
		dir := t.TempDir()
		for _, file := range []string{credentialsFile, caFile, resetFile} {
			if err := os.WriteFile(filepath.Join(dir, file), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err1 := LoadCredentials(dir, time.Now())
		_, err2 := LoadCA(dir)
		_, err3 := ResetKey(dir)
		for want, err := range map[string]error{"join it again": err1, "copy the file": err2, "delete it": err3} {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "PRIVATE") {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
	}
	if err := good.Save(filepath.Join(t.TempDir(), "missing")); err == nil || !strings.Contains(err.Error(), "disk") {
		t.Errorf("%v", err)
	}
}

func FuzzIdentityOf(f *testing.F) {
	ca := newCA(f)
	f.Add(issue(f, ca, "a", RoleEdge).Certificate().Raw)
	f.Add(ca.Certificate().Raw)
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		if id, err := IdentityOf(c); err == nil && id.Validate() != nil {
			t.Errorf("%+v is not valid", id)
		}
	})
}
