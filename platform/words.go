package platform

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Words is an error's text for a technician: what Go's own packages say about
// sockets, files, numbers and certificates is worded anew, everything around it
// stays. It is empty for nil. Errors become text here and nowhere else; a message
// shows them in the user's language.
func Words(err error) words.Cause { return words.Cause(textOf(err)) }

func textOf(err error) string {
	if err == nil {
		return ""
	}
	for _, known := range []func(error) string{ofTime, ofNetwork, ofTLS, ofValues, ofSystem} {
		if text := known(err); text != "" {
			return text
		}
	}
	text := err.Error()
	for _, inner := range unwrapped(err) {
		if inner == nil {
			continue
		}
		if before, after, found := strings.Cut(text, inner.Error()); found && inner.Error() != "" {
			text = before + unrepeated(textOf(inner), before) + after
		}
	}
	for _, pkg := range []string{"tls: ", "x509: ", "http: ", "net: ", "time: "} {
		text = strings.TrimPrefix(text, pkg) // errors without a type of their own
	}
	return text
}

// unrepeated drops the file or address that a text begins with, where the text
// before has just named it.
func unrepeated(text, before string) string {
	if name, rest, ok := strings.Cut(text, ": "); ok && strings.Contains(before, name) {
		return rest
	}
	return text
}

func unwrapped(err error) []error {
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	}
	return nil
}

func ofTime(err error) string {
	switch err {
	case context.DeadlineExceeded:
		return "the time was up"
	case context.Canceled:
		return "interrupted"
	case os.ErrDeadlineExceeded:
		return "no answer in time"
	case io.EOF:
		return "it ended too early"
	case io.ErrUnexpectedEOF:
		return "it ends in the middle"
	case net.ErrClosed:
		return "the connection was closed"
	}
	return ""
}

func ofNetwork(err error) string {
	switch e := err.(type) {
	case *net.OpError:
		cause := textOf(e.Err)
		if e.Timeout() {
			cause = "no answer"
		}
		if e.Op == "dial" && e.Addr != nil {
			return e.Addr.String() + ": " + cause
		}
		return cause
	case *net.DNSError:
		switch {
		case e.IsNotFound:
			return "looking up " + e.Name + ": no such host"
		case e.IsTimeout:
			return "looking up " + e.Name + ": no answer"
		}
		return "looking up " + e.Name + ": " + resolverText(e)
	case *net.AddrError:
		return strconv.Quote(e.Addr) + ": " + e.Err
	case net.InvalidAddrError:
		return "not an address"
	case *net.ParseError:
		return strconv.Quote(e.Text) + " is not a " + e.Type
	case *url.Error:
		return textOf(e.Err)
	}
	return ""
}

// resolverText is why a name server could not be asked. Package net keeps the
// cause as text, behind the addresses and ports of its own socket.
func resolverText(e *net.DNSError) string {
	text := e.Err
	for _, op := range []string{"dial ", "read ", "write "} {
		if i := strings.LastIndex(text, ": "); i >= 0 && strings.HasPrefix(text, op) {
			text = text[i+len(": "):]
		}
	}
	return text
}

func ofTLS(err error) string {
	switch e := err.(type) {
	case *tls.CertificateVerificationError:
		return textOf(e.Err)
	case tls.RecordHeaderError:
		return "the answer is not TLS"
	case tls.AlertError:
		return "the far end broke the handshake off: " + strings.TrimPrefix(e.Error(), "tls: ")
	case x509.UnknownAuthorityError:
		return "signed by an authority that this machine does not know"
	case x509.HostnameError:
		return "the certificate is not for " + e.Host
	case x509.CertificateInvalidError:
		if e.Reason == x509.Expired {
			return "the certificate has expired or is not yet valid"
		}
		return strings.TrimPrefix(e.Error(), "x509: ")
	}
	return ""
}

func ofValues(err error) string {
	switch e := err.(type) {
	case *strconv.NumError:
		if errors.Is(e.Err, strconv.ErrRange) {
			return strconv.Quote(e.Num) + " is too large or too small"
		}
		return strconv.Quote(e.Num) + " is not a number"
	case *time.ParseError:
		return strconv.Quote(e.Value) + " is not a time"
	case *json.SyntaxError:
		return fmt.Sprintf("not valid JSON (at byte %d)", e.Offset)
	case *json.UnmarshalTypeError:
		return fmt.Sprintf("%s holds a %s where it should not (at byte %d)", strconv.Quote(e.Field), e.Value, e.Offset)
	}
	if t := fmt.Sprintf("%T", err); t == "netip.parseAddrError" || t == "netip.parsePrefixError" {
		return "not an address"
	}
	return ""
}

func ofSystem(err error) string {
	switch e := err.(type) {
	case *os.SyscallError:
		return textOf(e.Err)
	case *fs.PathError:
		return e.Path + ": " + textOf(e.Err)
	case *os.LinkError:
		return e.New + ": " + textOf(e.Err)
	case *exec.Error:
		if errors.Is(e.Err, exec.ErrNotFound) {
			return e.Name + " is not installed"
		}
		return e.Name + ": " + textOf(e.Err)
	}
	return ""
}
