package main

import (
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A target is a router that answers, and how it is reached.
type target struct {
	scheme string // ssh, api, apis or https
	platform.Login
}

// isTLS reports whether its certificate says who it is.
func (t target) isTLS() bool { return t.scheme == "apis" || t.scheme == "https" }

// String is the router as it is typed. There is no password in it.
func (t target) String() string {
	if t.scheme == "ssh" {
		return t.Name()
	}
	host := t.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if t.Port != 0 && t.Port != map[string]uint16{"api": 8728, "apis": 8729, "https": 443}[t.scheme] {
		host = net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port)))
	}
	return t.scheme + "://" + t.User + "@" + host
}

// withScheme is what names a router by an address with a scheme.
var withScheme = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*)://(.*)$`)

// routerTarget reads an argument of router; ok is false of one that names a file. A file of
// that name comes first: "admin@192.168.88.1" may be one.
func routerTarget(name string) (t target, ok bool, err error) {
	scheme, rest := "ssh", name
	if m := withScheme.FindStringSubmatch(name); m != nil {
		scheme, rest = strings.ToLower(m[1]), strings.TrimSuffix(m[2], "/")
	} else if _, err := os.Lstat(name); err == nil || !strings.Contains(name, "@") {
		return t, false, nil
	}
	shown := words.Args{"name": words.Raw(withoutPassword(name))}
	switch scheme {
	case "ssh", "api", "apis", "https":
	case "http":
		return t, true, usage("say.router-http", shown)
	default:
		return t, true, usage("say.router-scheme", shown)
	}
	at := strings.LastIndexByte(rest, '@') // "ivan@office@192.168.88.1" is a user of a domain
	user, found := rest[:max(at, 0)], at >= 0
	switch {
	case strings.Contains(user, ":"):
		return t, true, usage("say.router-password", shown)
	case !found || user == "":
		return t, true, usage("say.router-no-user", words.Args{"scheme": scheme})
	}
	login, err := platform.ParseLogin(rest)
	if err != nil {
		return t, true, usage("say.router-target", words.Args{"name": words.Raw(name), "why": cause(err)})
	}
	return target{scheme, login}, true, nil
}

// withoutPassword is a name without what stands between a colon and the @.
func withoutPassword(name string) string {
	at := strings.LastIndexByte(name, '@')
	if at < 0 {
		return name
	}
	begin := strings.Index(name, "://")
	if begin++; begin > 0 {
		begin += 2
	}
	if colon := strings.IndexByte(name[begin:at], ':'); colon >= 0 {
		return name[:begin+colon] + name[at:]
	}
	return name
}

// routerLine is a command about a router, for a person to paste.
func routerLine(name, flag string) string {
	if _, answers, err := routerTarget(name); !answers || err != nil { // whoever wrote the report chose it
		name = "USER@HOST"
	}
	return strings.TrimSpace("sipdoctor router " + command.Quote(name) + " " + flag)
}
