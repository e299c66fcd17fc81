package labtest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/signalling"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

const webSocketConfig = `
debug=0
log_stderror=yes
children=2
tcp_children=2
tcp_accept_no_cl=yes
enable_tls=yes
listen=tcp:198.51.100.20:8088
listen=tls:198.51.100.20:8089
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "xhttp.so"
loadmodule "tls.so"
loadmodule "tm.so"
loadmodule "msrp.so"
loadmodule "websocket.so"
modparam("websocket", "sub_protocols", %d)
modparam("tls", "config", "%s")
request_route {
	force_rport();
	sl_send_reply("200", "OK");
}
event_route[xhttp:request] {
	if ($hdr(Upgrade)=~"websocket" && $hdr(Connection)=~"Upgrade" && $rm=~"GET" && ws_handle_handshake()) {
		exit;
	}
	xhttp_reply("404", "Not Found", "", "");
}
`

// The subprotocols of Kamailio's websocket module.
const (
	webSocketSIP  = 1
	webSocketMSRP = 2
)

// webSocketServer starts Kamailio with plain and encrypted WebSockets.
func webSocketServer(t *testing.T, o *lab.Office, subprotocol int, name string, from, to time.Duration) {
	t.Helper()
	need(t, "kamailio")
	if found, _ := filepath.Glob("/usr/lib/*/kamailio/modules/websocket.so"); len(found) == 0 {
		need(t, "kamailio's module websocket")
	}
	dir := t.TempDir()
	key, cert := signedCertificate(t, dir, name, time.Now().Add(from), time.Now().Add(to))
	tlsFile := file(t, "tls.cfg", fmt.Sprintf(tlsConfig, key, cert))
	start(t, o.SIPServer, "kamailio", "-DD", "-E", "-Y", dir, "-P", filepath.Join(dir, "pid"),
		"-f", file(t, "kamailio.cfg", fmt.Sprintf(webSocketConfig, subprotocol, tlsFile)), "-m", "64", "-M", "8")
	listens(t, o.SIPServer, lab.SIPServerAddr+":8089")
}

// Browsers and WebRTC phones: SIP inside HTTP, answered by a server that other
// people wrote.
func TestSIPOverRealWebSockets(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		subprotocol int
		cert        string
		from, to    time.Duration
		ws, wss     signalling.Status
		note        string // words about the encrypted one
		findings    []string
		exit        int
	}{
		"both answer": {webSocketSIP, "sip.lab", -day, 90 * day, signalling.Answered, signalling.Answered, "", nil, 0},
		"a web server whose sockets speak no SIP": {webSocketMSRP, "sip.lab", -day, 90 * day, signalling.NoWebSocket, signalling.NoWebSocket, "websocket-refused", []string{"signalling.refused", "signalling.refused"}, 1},
		"the certificate has expired":             {webSocketSIP, "sip.lab", -90 * day, -day, signalling.Answered, signalling.Answered, "", []string{"signalling.tls-expired"}, 0},
		"the certificate is another server's":     {webSocketSIP, "other.lab", -day, 90 * day, signalling.Answered, signalling.Answered, "", []string{"signalling.tls-name"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			need(t)
			o, err := lab.Build(t.Context(), scenario(t, "clean"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(o.Close)
			webSocketServer(t, o, c.subprotocol, c.cert, c.from, c.to)
			rep, exit := run(t, o.Phone, "check", "signalling", "--no-public", "--sip-server", "sip.lab:8088", "--sip-server", "sip.lab:8089", "--format", "json")
			got := transports(t, rep)
			if got["ws"].Status != c.ws || got["wss"].Status != c.wss || !strings.Contains(string(got["wss"].Note), c.note) {
				t.Errorf("ws %+v, wss %+v", got["ws"], got["wss"])
			}
			if ids := findings(rep); !slices.Equal(ids, c.findings) || exit != c.exit {
				t.Errorf("findings %v, exit %d; want %v, %d\n%s", ids, exit, c.findings, c.exit, explain(rep))
			}
		})
	}
}
