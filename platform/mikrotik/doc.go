// Package mikrotik is how a MikroTik router is spoken to: its console over SSH, its
// API, and the REST form of it. It knows nothing of what the answers mean.
//
// Every answer comes from a stranger: it is bounded in length and time, and nothing of it
// is taken for a command.
package mikrotik

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

const (
	// maxAnswer bounds an answer, bytes: an export of 50,000 entries of address lists
	// is 4 MB.
	maxAnswer = 32 << 20
	// maxItems bounds the items of an answer, and maxWords the words of the API: short ones
	// take many times their size in memory. 50,000 items with 40 properties are 2 million.
	maxItems = 1 << 20
	maxWords = 2 << 20
	// answerPatience is how long a router may say nothing while it is asked: a small
	// one thinks for some seconds before the first line of a long export.
	answerPatience = 45 * time.Second
	// wholePatience bounds one answer that keeps coming.
	wholePatience = 5 * time.Minute
	// loginPatience bounds the wait for a connection, and for the login.
	loginPatience = 15 * time.Second
)

// Refused is what a router answers to a command that it does not take, in its own
// words. Text may be empty.
type Refused struct{ Text string }

func (r *Refused) Error() string {
	if r.Text == "" {
		return "the router did not say that it has run the command"
	}
	return fmt.Sprintf("the router answers %q", r.Text)
}

var (
	// ErrLost means that the connection ended in the middle: a router that restarts, or a
	// rule that shuts us out.
	ErrLost = errors.New("the connection to the router was lost")
	// ErrNotSent means that the router has not seen a command.
	ErrNotSent = errors.New("it was not sent")
	// ErrNewPassword means that a router answers nothing before it has a new password.
	ErrNewPassword = errors.New("the router asks for a new password first: log in once by hand and set one")
	// ErrSafeTaken means that somebody else is in safe mode. Nothing was taken from them.
	ErrSafeTaken = errors.New("somebody else is changing the router in safe mode")
	// ErrSafeGone means that the router has left safe mode before it was told to.
	ErrSafeGone = errors.New("the router has left safe mode")

	// errNoCipher: without a certificate a service of RouterOS offers only ciphers that prove
	// nothing (anonymous Diffie-Hellman).
	errNoCipher = errors.New("the router offers no cipher that proves who it is: its service needs a certificate (/ip/service)")
	errTooMuch  = fmt.Errorf("the router answered more than %d MiB", maxAnswer>>20)
)

// Account is who logs in to the API.
type Account struct {
	User, Host string
	Port       uint16 // 0: the usual one
	// Fingerprint is the SHA-256 that the certificate must have, in 64 hexadecimal
	// digits; empty: the authorities of this machine decide.
	Fingerprint string
	// Password asks for the password, once.
	Password func(context.Context) (string, error)
}

func (a Account) address(usual uint16) string {
	port := a.Port
	if port == 0 {
		port = usual
	}
	return net.JoinHostPort(a.Host, strconv.Itoa(int(port)))
}

// An Entry is an item of a menu as the API shows it, ".id" included.
type Entry map[string]string

// A Field is one argument of a command of the API. What says where or which has a name
// as well: .id, place-before, destination, value-name.
type Field struct{ Name, Value string }

// A Query says what is wanted of a menu.
type Query struct {
	Only  []string // the properties; empty: all
	Where Field    // a property and its value; the zero Field: every item
}
