package labtest

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What was collected on the server says on a laptop what the server said.
func TestABundleOfALiveServer(t *testing.T) {
	t.Parallel()
	p := openPBX(t, "iptables-nft")
	shell(t, p.node, "iptables-nft -N f2b-sip", "iptables-nft -A INPUT -p udp --dport 5060 -j f2b-sip",
		"iptables-nft -A f2b-sip -s 192.0.2.7 -j DROP", "ip route add blackhole 192.0.2.9")
	file := filepath.Join(t.TempDir(), "bundle.tar.gz")
	run(t, p.node, "pbx", "--format", "json", "--collect", file)
	for _, address := range []string{"192.0.2.7", "192.0.2.8", "192.0.2.9"} {
		live, saved := p.why(address), p.why(address, "--root", file)
		if diff := cmp.Diff(live.text(), saved.text()); diff != "" {
			t.Errorf("%s: the bundle says something else (-server +bundle)\n%s", address, diff)
		}
		if (address == "192.0.2.8") != (live.facts.Verdict == "allowed") {
			t.Errorf("%s is %s here", address, live.facts.Verdict)
		}
	}
}
