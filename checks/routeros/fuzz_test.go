package routeros

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"time"

	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// Whatever a file holds, there is a judgement; a report keeps it, and a command that is
// printed is one line that the router takes.
func FuzzExport(f *testing.F) {
	for _, name := range []string{"factory6.rsc", "factory7.rsc", "bare7.rsc"} {
		b, err := os.ReadFile("../../netinfo/routeros/testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add([]byte(string(b) + first + "action=drop protocol=udp comment=\"a \\\"b\\\" [/system reset]\"\n"))
		f.Add([]byte(string(b) + "/ip firewall raw add chain=prerouting action=drop dst-port=5060 protocol=udp\n/ip dns set allow-remote-requests=yes\n"))
		f.Add([]byte(string(b) + sipTo10 + "\n" + rtpTo10 + " to-ports=30000\n/ip firewall nat set [find action=masquerade] !out-interface !out-interface-list\n"))
		f.Add([]byte(string(b) + first + "action=add-src-to-address-list address-list=l protocol=udp dst-port=5060\n" + first + "action=drop src-address-list=l\n/ip firewall address-list add list=l address=192.168.88.9\n/ip route add gateway=192.168.88.77\n"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		o := Observed{Files: 1}
		o.look(ctx, data, need.Of(nil), netip.Addr{})
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		var again Observed
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		for _, fd := range judge(again, nil).Findings {
			if len(fd.Evidence) == 0 {
				t.Errorf("%+v", fd)
			}
			for _, x := range fd.Fixes {
				if !x.Built {
					continue // the catalogue's are for any router
				}
				router, err := ros.Read(data)
				if err != nil {
					t.Fatal(err)
				}
				for _, line := range append(x.Commands, x.Undo...) {
					if _, err := router.Console().Type(line); err != nil || strings.ContainsAny(line, "\r\n") {
						t.Errorf("%s: %q: %v", x.ID, line, err)
					}
				}
			}
		}
	})
}
