package main

import (
	"crypto/x509"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

const rootsVar = "SIPDOCTOR_TEST_ROOTS"

// On a router or in a container without certificates of authorities, a provider's
// certificate is not taken for one that nobody knows.
func TestAMachineWithoutAuthoritiesKnowsThem(t *testing.T) {
	if os.Getenv(rootsVar) != "" {
		pool, err := x509.SystemCertPool()
		if err != nil || pool.Equal(x509.NewCertPool()) {
			t.Fatalf("it knows no authority: %v", err)
		}
		return
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("the system verifies here")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), rootsVar+"=1", "SSL_CERT_FILE=/nowhere", "SSL_CERT_DIR=/nowhere")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v: %s", err, out)
	}
}
