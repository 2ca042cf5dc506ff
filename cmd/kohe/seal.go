package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
	"github.com/spf13/cobra"
)

// ageIntro begins every file that age has encrypted.
const ageIntro = "age-encryption.org/"

// maxSecret bounds a file that holds a key or a passphrase, in bytes.
const maxSecret = 64 << 10

// seal says how a backup is encrypted, if it is.
type seal struct{ recipients, passphraseFile string }

func (s *seal) flags(c *cobra.Command) {
	c.Flags().StringVar(&s.recipients, "recipient", "", "encrypt for this key (age1…), such as \"kohe backup key\" prints")
	c.Flags().StringVar(&s.passphraseFile, "passphrase-file", "", "encrypt with the passphrase in this file")
	c.MarkFlagsMutuallyExclusive("recipient", "passphrase-file")
}

func (s *seal) any() bool { return s.recipients != "" || s.passphraseFile != "" }

// around returns a writer that encrypts what goes to w. Closing it does not
// close w; what was written counts only after that.
func (s *seal) around(w io.Writer) (io.WriteCloser, error) {
	switch {
	case s.recipients != "":
		to, err := age.ParseRecipients(bytes.NewReader([]byte(s.recipients)))
		if err != nil {
			return nil, fmt.Errorf("--recipient %q: want what `kohe backup key` prints, all of it; it begins with age1", s.recipients)
		}
		return age.Encrypt(w, to...)
	case s.passphraseFile != "":
		text, err := passphrase(s.passphraseFile)
		if err != nil {
			return nil, err
		}
		to, err := age.NewScryptRecipient(text)
		if err != nil {
			return nil, err
		}
		return age.Encrypt(w, to)
	}
	return inClear{w}, nil
}

// inClear is no encryption.
type inClear struct{ io.Writer }

func (inClear) Close() error { return nil }

// unseal says with what an encrypted backup is read.
type unseal struct{ identityFile, passphraseFile string }

func (u *unseal) flags(c *cobra.Command) {
	c.Flags().StringVar(&u.identityFile, "identity-file", "", "file with the key that the backup was encrypted for")
	c.Flags().StringVar(&u.passphraseFile, "passphrase-file", "", "file with the passphrase that it was encrypted with")
	c.MarkFlagsMutuallyExclusive("identity-file", "passphrase-file")
}

// around returns what r is the encryption of. A backup that is not encrypted
// is refused where a key is given: it may be somebody else's.
func (u *unseal) around(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	intro, err := b.Peek(len(ageIntro))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	given := u.identityFile != "" || u.passphraseFile != ""
	switch {
	case string(intro) != ageIntro && given:
		return nil, errors.New("this file is not encrypted; if it is the one that you mean, leave out the key or passphrase")
	case string(intro) != ageIntro:
		return b, nil
	case !given:
		return nil, errors.New("this backup is encrypted; give the key with --identity-file, or the passphrase with --passphrase-file")
	}
	keys, err := u.identities()
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(b, keys...)
	if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
		return nil, errors.New("this backup was encrypted for another key, or with another passphrase")
	} else if err != nil {
		return nil, fmt.Errorf("decrypt the backup: %w", err)
	}
	return plain, nil
}

func (u *unseal) identities() ([]age.Identity, error) {
	if u.passphraseFile != "" {
		text, err := passphrase(u.passphraseFile)
		if err != nil {
			return nil, err
		}
		key, err := age.NewScryptIdentity(text)
		return []age.Identity{key}, err
	}
	b, err := readSecret(u.identityFile)
	if err != nil {
		return nil, err
	}
	keys, err := age.ParseIdentities(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s holds no key such as `kohe backup key` makes", u.identityFile) // age's error may quote the file
	}
	return keys, nil
}

func passphrase(path string) (string, error) {
	b, err := readSecret(path)
	if err != nil {
		return "", err
	}
	if b = bytes.TrimRight(b, "\r\n"); len(b) == 0 {
		return "", fmt.Errorf("%s holds no passphrase", path)
	}
	return string(b), nil
}

func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err == nil && len(b) > maxSecret {
		err = fmt.Errorf("%s has more than %d bytes", path, maxSecret)
	}
	return b, err
}

// makeKey makes a key for backups and returns the recipient's part.
func makeKey(path string) (recipient string, err error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(f, "# %s\n%s\n", key.Recipient(), key)
	return key.Recipient().String(), errors.Join(err, f.Sync(), f.Close())
}
