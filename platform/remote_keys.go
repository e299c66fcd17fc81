package platform

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// methods are the ways to log in: keys first, then a password.
func (l Login) methods(ctx context.Context) (list []ssh.AuthMethod, closer func(), err error) {
	var signers []ssh.Signer
	closer = func() {}
	if l.Identity == "" {
		signers, closer = agentKeys()
	}
	own, usual, err := l.identities(ctx)
	if err != nil {
		closer()
		return nil, nil, err
	}
	if signers = offered(append(signers, own...), usual); len(signers) > 0 {
		list = append(list, ssh.PublicKeys(signers...))
	}
	if l.Password != nil {
		asked := false
		once := func() (string, error) {
			if asked {
				return "", ErrLogin
			}
			asked = true
			return l.Password(ctx, l.Name())
		}
		list = append(list, ssh.PasswordCallback(once), ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
			answers := make([]string, len(questions))
			switch len(questions) {
			case 0:
				return answers, nil
			case 1:
				answers[0], err = once()
				return answers, err
			}
			return nil, ErrLogin // it asks for more than a password
		}))
	}
	return list, closer, nil
}

// agentKeys are those of the user's agent; closer hangs up.
func agentKeys() (keys []ssh.Signer, closer func()) {
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, func() {}
	}
	c, err := net.DialTimeout("unix", socket, sshPatience)
	if err != nil {
		return nil, func() {}
	}
	_ = c.SetDeadline(time.Now().Add(sshPatience)) // whatever does not take it answers at once
	keys, _ = agent.NewClient(c).Signers()         // an agent that answers nothing has no keys
	_ = c.SetDeadline(time.Time{})                 // to sign it may have to ask its user
	return keys, func() { c.Close() }
}

// maxKeys bounds the keys that are offered: OpenSSH hangs up at the sixth attempt that it
// does not take (MaxAuthTries), and the password is one.
const maxKeys = 5

// offered are the keys to offer, each once, the usual ones first.
func offered(keys []ssh.Signer, usual []ssh.PublicKey) (list []ssh.Signer) {
	same := func(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }
	rank := func(key ssh.Signer) int {
		if i := slices.IndexFunc(usual, func(u ssh.PublicKey) bool { return same(u, key.PublicKey()) }); i >= 0 {
			return i
		}
		return len(usual)
	}
	slices.SortStableFunc(keys, func(a, b ssh.Signer) int { return cmp.Compare(rank(a), rank(b)) })
	for _, key := range keys {
		if len(list) < maxKeys && !slices.ContainsFunc(list, func(o ssh.Signer) bool { return same(o.PublicKey(), key.PublicKey()) }) {
			list = append(list, key)
		}
	}
	return list
}

// identities are the keys in files, and which those in the usual files are. One of the usual
// files that cannot be read, or needs a passphrase, is passed over, but the agent may have its
// key; the one that was named is not.
func (l Login) identities(ctx context.Context) (list []ssh.Signer, usual []ssh.PublicKey, err error) {
	if l.Identity != "" {
		key, err := l.identity(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("the key in %s: %w", l.Identity, err)
		}
		return []ssh.Signer{key}, nil, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, nil, nil
	}
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		b, err := ReadSmallFile(filepath.Join(home, ".ssh", name), maxIdentity)
		if err != nil {
			continue
		}
		key, err := ssh.ParsePrivateKey(b)
		if locked, ok := errors.AsType[*ssh.PassphraseMissingError](err); ok && locked.PublicKey != nil {
			usual = append(usual, locked.PublicKey)
		}
		if err == nil {
			list, usual = append(list, key), append(usual, key.PublicKey())
		}
	}
	return list, usual, nil
}

// maxIdentity is more than any private key takes, bytes.
const maxIdentity = 64 << 10

func (l Login) identity(ctx context.Context) (ssh.Signer, error) {
	b, err := ReadSmallFile(l.Identity, maxIdentity)
	if err != nil {
		return nil, err
	}
	key, err := ssh.ParsePrivateKey(b)
	if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); locked && l.Password != nil {
		word, err := l.Password(ctx, l.Identity)
		if err != nil {
			return nil, err
		}
		return ssh.ParsePrivateKeyWithPassphrase(b, []byte(word))
	}
	return key, err
}
