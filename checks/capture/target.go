package capture

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// wrongTarget are requests that the far end answers with "not found" because their
// Request-URI names a host or port that it does not call its own.
func wrongTarget(v *view) (out []checks.Finding) {
	const id = "capture.wrong-target"
	var groups cases
	served := v.served()
	for _, x := range v.calls {
		t := x.main()
		if v.found[x] != "" || t.request == nil || t.final() != 404 && t.final() != 484 && t.final() != 604 {
			continue
		}
		host, port := hostOf(t.request.URI)
		variant, better := misnamed(host, port, t.server, served[t.server.Addr()])
		if variant == "" {
			continue
		}
		g := groups.add(v, id, variant+" "+host+" "+t.server.String(), x, t, frame(t.request, nil), frame(t.finalTo, nil))
		if g.variant = variant; better != nil && len(g.list) == 1 {
			g.proof = append(g.proof, frame(better, nil))
			g.better, _ = hostOf(better.URI)
		}
	}
	for _, g := range groups.list {
		t := g.first()
		host, port := hostOf(t.request.URI)
		f := checks.Finding{
			ID: id, Severity: severityOf(t.first.Method, t.final()), Confidence: checks.Possible, Subject: subject(t.server), Evidence: g.proof, Variant: g.variant,
			Args: words.Args{"method": t.first.Method, "code": t.final(), "phrase": words.Raw(t.finalTo.Phrase), "server": who(t.server), "client": who(t.client),
				"n": len(g.list), "host": words.Raw(host), "port": strconv.Itoa(int(port)), "better": words.Raw(g.better)},
		}
		if g.better != "" {
			f.Confidence = checks.Likely
		}
		out = append(out, f)
	}
	return out
}

// served are requests by the host that they name, of those that found somebody, for
// each server.
func (v *view) served() map[netip.Addr]map[string]*Message {
	out := map[netip.Addr]map[string]*Message{}
	for _, x := range v.calls {
		for _, t := range x.list {
			if t.request == nil || t.request.To.Tag != "" {
				continue
			}
			switch code := t.final(); {
			case code >= 200 && code < 300, code == 480, code == 486, code == 487, code == 600, code == 603:
				host, _ := hostOf(t.request.URI)
				if out[t.server.Addr()] == nil {
					out[t.server.Addr()] = map[string]*Message{}
				}
				if out[t.server.Addr()][host] == nil {
					out[t.server.Addr()][host] = t.request
				}
			}
		}
	}
	return out
}

// misnamed says what is wrong about the host in a Request-URI: nothing where it is
// where the request went, or where nothing tells. better is a request that named
// another host, and found somebody.
func misnamed(host string, port uint16, server netip.AddrPort, served map[string]*Message) (variant string, better *Message) {
	if served[host] != nil || host == "" || !server.IsValid() {
		return "", nil
	}
	for h, m := range served {
		if better == nil || h < hostString(better) {
			better = m
		}
	}
	a, err := netip.ParseAddr(host)
	switch {
	case err != nil && better != nil:
		return "name", better
	case err != nil:
		return "", nil
	case a == server.Addr() && port != 0 && port != server.Port():
		return "port", better
	case a == server.Addr():
		return "", nil
	case netinfo.IsPrivate(a) != netinfo.IsPrivate(server.Addr()):
		return "nat", better
	case better != nil:
		return "name", better
	}
	return "", nil
}

func hostString(m *Message) string {
	host, _ := hostOf(m.URI)
	return host
}

var uriParts = regexp.MustCompile(`(?i)^<?sips?:(?:[^@>]*@)?(\[[^\]]+\]|[^:;>?\s]+)(?::(\d{1,5}))?`)

// hostOf is the host of a SIP URI, without brackets and in lower case, and its port;
// 0 where it names none.
func hostOf(uri string) (host string, port uint16) {
	m := uriParts.FindStringSubmatch(strings.TrimSpace(uri))
	if m == nil {
		return "", 0
	}
	n, _ := strconv.ParseUint(m[2], 10, 16)
	return strings.ToLower(strings.Trim(m[1], "[]")), uint16(n)
}

// contactHost is the host of a Contact.
func contactHost(contact string) (host string, port uint16) {
	uri, _ := sip.Address(sip.FirstValue(contact))
	return hostOf(uri)
}
