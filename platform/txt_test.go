package platform

import (
	"errors"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

func TestTextRecords(t *testing.T) {
	server := nameServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if q.Question[0].Name == "gone.example.net." {
			_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeNameError))
			return
		}
		reply(w, q, `origin.example.net. 60 IN TXT "64500 | 192.0.2.0/24 " "| DE"`, `origin.example.net. 60 IN TXT "second"`)
	})
	n := Real(RealOptions{DNSServers: []string{server}})
	got, err := n.LookupTXT(t.Context(), "origin.example.net")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"64500 | 192.0.2.0/24 | DE", "second"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	_, err = n.LookupTXT(t.Context(), "gone.example.net")
	if d, ok := errors.AsType[*net.DNSError](err); !ok || !d.IsNotFound {
		t.Errorf("a name that does not exist: %v", err)
	}
}
