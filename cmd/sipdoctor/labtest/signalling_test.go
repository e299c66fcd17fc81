package labtest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/signalling"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// labPassword is the one password that Kamailio accepts here.
const labPassword = "s3cret-lab-word"

const registrarConfig = `
debug=0
log_stderror=yes
children=2
tcp_children=2
enable_tls=yes
listen=udp:198.51.100.20:5060
listen=tcp:198.51.100.20:5060
listen=tls:198.51.100.20:5061
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "tls.so"
modparam("tls", "config", "%s")
request_route {
	force_rport();
	if (method == "OPTIONS") {
		sl_send_reply("200", "OK");
		exit;
	}
	if (method == "REGISTER") {
		if (!pv_www_authenticate("sip.lab", "s3cret-lab-word", "0")) {
			www_challenge("sip.lab", "1");
			exit;
		}
		save("location");
		exit;
	}
	sl_send_reply("404", "Not Found");
}
`

const tlsConfig = `[server:default]
method = TLSv1.2+
verify_certificate = no
require_certificate = no
private_key = %s
certificate = %s
`

// registrar starts Kamailio with TLS and a password. Its certificate is signed
// by an authority that the phone's machine knows.
func registrar(t *testing.T, o *lab.Office, name string, from, to time.Duration) {
	t.Helper()
	need(t, "kamailio")
	dir := t.TempDir()
	key, cert := signedCertificate(t, dir, name, time.Now().Add(from), time.Now().Add(to))
	tlsFile := file(t, "tls.cfg", fmt.Sprintf(tlsConfig, key, cert))
	start(t, o.SIPServer, "kamailio", "-DD", "-E", "-Y", dir, "-P", filepath.Join(dir, "pid"),
		"-f", file(t, "kamailio.cfg", fmt.Sprintf(registrarConfig, tlsFile)), "-m", "64", "-M", "8")
	listens(t, o.SIPServer, lab.SIPServerAddr+":5061")
}

// signedCertificate writes a key and a certificate, and makes the authority
// that signed it known to the programs that this test starts.
func signedCertificate(t *testing.T, dir, name string, from, to time.Time) (keyFile, certFile string) {
	t.Helper()
	newKey := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the lab's authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().AddDate(-9, 0, 0), NotAfter: time.Now().AddDate(9, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	caKey, key := newKey(), newKey()
	write := func(file, kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca, err := x509.CreateCertificate(rand.Reader, authority, authority, caKey.Public(), caKey)
	t.Setenv("SSL_CERT_FILE", write("ca.pem", "CERTIFICATE", ca, err))
	t.Setenv("SSL_CERT_DIR", dir)
	der, err := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), caKey)
	certFile = write("cert.pem", "CERTIFICATE", der, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	return write("key.pem", "PRIVATE KEY", pkcs8, err), certFile
}

// transports reads the facts of the check, by transport.
func transports(t *testing.T, rep *checks.Report) map[string]signalling.Fact {
	t.Helper()
	raw, err := json.Marshal(rep.Result("signalling").Facts)
	if err != nil {
		t.Fatal(err)
	}
	var list []signalling.Fact
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	out := map[string]signalling.Fact{}
	for _, f := range list {
		if f.Account != "" {
			out["account"] = f
		} else {
			out[f.Transport] = f
		}
	}
	return out
}

func TestARealRegistrarOverEveryTransport(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		scenario string
		cert     string
		from, to time.Duration
		filter   string // what the router's owner typed
		status   map[string]signalling.Status
		findings []string
		exit     int
	}{
		"all is well": {"clean", "sip.lab", -day, 90 * day, "",
			map[string]signalling.Status{"udp": "answered", "tcp": "answered", "tls": "answered"}, nil, 0},
		"all is well, with a SIP ALG on the way": {"sip-alg", "sip.lab", -day, 90 * day, "",
			map[string]signalling.Status{"udp": "answered", "tcp": "answered", "tls": "answered"}, nil, 0},
		"5 % of all packets are lost": {"lossy", "sip.lab", -day, 90 * day, "",
			map[string]signalling.Status{"udp": "answered", "tcp": "answered", "tls": "answered"}, nil, 0},
		"the certificate has expired": {"clean", "sip.lab", -90 * day, -day, "",
			map[string]signalling.Status{"udp": "answered", "tls": "answered"}, []string{"signalling.tls-expired"}, 1},
		"the certificate is another server's": {"clean", "other.lab", -day, 90 * day, "",
			map[string]signalling.Status{"udp": "answered", "tls": "answered"}, []string{"signalling.tls-name"}, 0},
		"port 5060 is dropped": {"sip-port-blocked", "sip.lab", -day, 90 * day, "",
			map[string]signalling.Status{"udp": "timeout", "tcp": "timeout", "tls": "answered"}, []string{"signalling.udp-silent"}, 0},
		"UDP is dropped by its content": {"sip-dropped", "sip.lab", -day, 90 * day, "",
			map[string]signalling.Status{"udp": "timeout", "tcp": "answered", "tls": "answered"}, []string{"signalling.udp-silent"}, 0},
		"the router says no": {"clean", "sip.lab", -day, 90 * day, "ip protocol { tcp, udp } th dport 5060-5061 reject with icmp type admin-prohibited",
			map[string]signalling.Status{"udp": "prohibited", "tcp": "prohibited", "tls": "prohibited"}, []string{"signalling.prohibited"}, 1},
		"the router says that nothing listens": {"clean", "sip.lab", -day, 90 * day, "tcp dport 5060-5061 reject with tcp reset",
			map[string]signalling.Status{"udp": "answered", "tcp": "refused", "tls": "refused"}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			need(t, "nft")
			o, err := lab.Build(t.Context(), scenario(t, c.scenario))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(o.Close)
			registrar(t, o, c.cert, c.from, c.to)
			if c.filter != "" {
				shell(t, o.Routers[0], "nft add table ip typed", "nft 'add chain ip typed forward { type filter hook forward priority -10; }'",
					"nft add rule ip typed forward '"+c.filter+"'")
			}
			rep, exit := run(t, o.Phone, "check", "signalling", "--no-public", "--sip-server", "sip.lab", "--format", "json")
			got := transports(t, rep)
			for transport, want := range c.status {
				if got[transport].Status != want {
					t.Errorf("%s: %s, want %s (%s)", transport, got[transport].Status, want, got[transport].Note)
				}
			}
			if ids := findings(rep); !slices.Equal(ids, c.findings) || exit != c.exit {
				t.Errorf("findings %v, exit %d; want %v, %d\n%s", ids, exit, c.findings, c.exit, explain(rep))
			}
		})
	}
}

// accountCommand is the program with an account, its report going to a file.
func accountCommand(ctx context.Context, t testing.TB, o *lab.Office, report string, args ...string) *lab.Cmd {
	args = append([]string{"check", "signalling", "--no-public", "--verbose", "--account", "100@sip.lab", "--format", "json", "--output", report}, args...)
	return program(ctx, t, o.Phone, args...)
}

// runHeadless gives the password by a file or the environment, and returns
// what the program printed.
func runHeadless(cmd *lab.Cmd) []byte {
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	_ = cmd.Run()
	return printed.Bytes()
}

// runOnTerminal types the password when it is asked for, on a terminal of its
// own, and returns all that was to be seen there.
func runOnTerminal(t *testing.T, cmd *lab.Cmd, word string) []byte {
	t.Helper()
	need(t, "script")
	quoted := "'" + strings.Join(cmd.Args, "' '") + "'"
	path, err := exec.LookPath("script")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path, cmd.Args = path, []string{"script", "-qefc", quoted, "/dev/null"}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var seen bytes.Buffer
	b := make([]byte, 4096)
	typed := false
	for {
		n, err := out.Read(b)
		seen.Write(b[:n])
		if !typed && bytes.Contains(seen.Bytes(), []byte("Password of 100@sip.lab: ")) {
			typed = true
			time.Sleep(700 * time.Millisecond) // the prompt comes first, then the terminal stops showing what is typed
			_, _ = in.Write([]byte(word + "\r"))
		}
		if err != nil {
			break
		}
	}
	_ = in.Close()
	_ = cmd.Wait()
	if !typed {
		t.Error("nobody asked for the password")
	}
	return seen.Bytes()
}

func TestOneRealRegistrationWithKamailio(t *testing.T) {
	byFile := func(t *testing.T, ctx context.Context, o *lab.Office, report, word string) (*lab.Cmd, []byte) {
		cmd := accountCommand(ctx, t, o, report, "--password-file", file(t, "password", word+"\n"))
		return cmd, runHeadless(cmd)
	}
	byEnvironment := func(t *testing.T, ctx context.Context, o *lab.Office, report, word string) (*lab.Cmd, []byte) {
		cmd := accountCommand(ctx, t, o, report)
		cmd.Env = append(cmd.Env, "SIPDOCTOR_PASSWORD="+word)
		return cmd, runHeadless(cmd)
	}
	byHand := func(t *testing.T, ctx context.Context, o *lab.Office, report, word string) (*lab.Cmd, []byte) {
		cmd := accountCommand(ctx, t, o, report)
		return cmd, runOnTerminal(t, cmd, word)
	}
	for name, c := range map[string]struct {
		word     string
		give     func(*testing.T, context.Context, *lab.Office, string, string) (*lab.Cmd, []byte)
		code     int
		findings []string
		exit     int
	}{
		"the right password, in a file":            {labPassword, byFile, 200, nil, 0},
		"the right password, from the environment": {labPassword, byEnvironment, 200, nil, 0},
		"the right password, typed":                {labPassword, byHand, 200, nil, 0},
		"a wrong password, in a file":              {"not-this-word", byFile, 401, []string{"signalling.account-refused"}, 1},
		"a wrong password, typed":                  {"not-this-word", byHand, 401, []string{"signalling.account-refused"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := lab.Build(t.Context(), scenario(t, "clean"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(o.Close)
			registrar(t, o, "sip.lab", -time.Hour, 90*24*time.Hour)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			report := filepath.Join(t.TempDir(), "report.json")
			cmd, printed := c.give(t, ctx, o, report, c.word)
			raw, err := os.ReadFile(report)
			if err != nil {
				t.Fatalf("%v\n%s", err, printed)
			}
			if bytes.Contains(printed, []byte(c.word)) || bytes.Contains(raw, []byte(c.word)) {
				t.Errorf("the password is in what the program printed or saved:\n%s", printed)
			}
			rep, err := checks.ReadReport(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			f := transports(t, rep)["account"]
			if f.Code != c.code || f.Transport != "tls" || !slices.Equal(findings(rep), c.findings) || cmd.ProcessState.ExitCode() != c.exit {
				t.Errorf("%+v, findings %v, exit %d\n%s", f, findings(rep), cmd.ProcessState.ExitCode(), explain(rep))
			}
			var seen signalling.Observed
			if err := json.Unmarshal(rep.Result("signalling").Observed, &seen); err != nil {
				t.Fatal(err)
			}
			if c.code != 200 && (seen.Account.Second == nil || seen.Account.Removed != nil) {
				t.Errorf("a wrong password is shown once, and that is the end of it: %+v", seen.Account)
			}
			if removed := seen.Account.Removed; c.code == 200 && (removed == nil || removed.Code != 200) {
				t.Errorf("not taken back: %+v", removed)
			}
		})
	}
}
