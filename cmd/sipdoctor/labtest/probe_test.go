package labtest

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// A Prometheus with the configuration that is handed out asks a confined responder,
// which asks a SIP server and one that is not there.
func TestPrometheusProbesThroughAResponder(t *testing.T) {
	t.Parallel()
	need(t, "prometheus", "promtool")
	o := open(t, scenario(t, "clean"))
	args := o.server.CheckArgs()
	pbx := args[slices.Index(args, "--sip-server")+1]
	const dead = "203.0.113.77"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	responder := o.Phone.Command(ctx, os.Getenv(programVar), "serve", "--control", "127.0.0.1:8765", "--rtp-range", "none",
		"--metrics", "127.0.0.1:9765", "--probe", pbx, "--probe", dead+"/32")
	responder.Env = append(os.Environ(), "STATE_DIRECTORY="+t.TempDir())
	background(t, responder)
	raw, err := os.ReadFile(filepath.Join(monitoringFiles, "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	config := strings.NewReplacer("1m", "5s", "10s", "5s", "sip.provider.example", pbx+"\n          - "+dead).Replace(string(raw))
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	background(t, o.Phone.Command(ctx, "prometheus", "--config.file", file, "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", "127.0.0.1:9090"))
	of := func(metric, site string) string { return metric + `{site="` + site + `"}` }
	want := map[string]string{of("probe_success", pbx): "1", of("probe_success", dead): "0", of("up", dead): "1", `up{job="sipdoctor"}`: "1"}
	got := map[string]string{}
	for ctx.Err() == nil && len(got) < len(want) {
		time.Sleep(500 * time.Millisecond)
		for what := range want {
			if v := queried(ctx, o.Phone, what); v != "" {
				got[what] = v
			}
		}
	}
	for what, v := range want {
		if got[what] != v {
			t.Errorf("%s is %q, want %q", what, got[what], v)
		}
	}
}

// background runs a program until the test ends.
func background(t *testing.T, cmd *lab.Cmd) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s", out.String())
		}
	})
}

// queried is the value of a query to the Prometheus of a node; "" for none.
func queried(ctx context.Context, n *lab.Node, query string) string {
	out, err := n.Command(ctx, "promtool", "query", "instant", "-o", "json", "http://127.0.0.1:9090", query).Output()
	var answer []struct{ Value []any }
	if err != nil || json.Unmarshal(out, &answer) != nil || len(answer) == 0 {
		return ""
	}
	v, _ := answer[0].Value[1].(string)
	return v
}
