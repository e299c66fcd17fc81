package asteriskstate

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
)

func TestWhatIsOutputOfAsterisk(t *testing.T) {
	for text, want := range map[string]bool{
		peers("101/101 192.0.2.34 D Yes Yes 5060 OK (40 ms)"): true, registry("Registered", ""): true, "pbx*CLI> pjsip show aor x\nUnable to find object x.\n": true,
		"SIP/101-1!office!600!2!Up!Dial!data!101!!!3!30!!1795945180.1\n": true,
		"Name/username             Host                                    Dyn Forcerpo\n101                       192.0.2.34                               D  Auto (Yes\n": true,
		"": false, "hello": false, "Asterisk 20.5.0 built by root\n": false, "[general]\nbindport=5060\n": false,
		"[2026-11-29 09:00:00] NOTICE[1] chan_sip.c: Peer '101' is now UNREACHABLE!\n": false, "SIP/2.0 200 OK\nContact: <sip:101@192.0.2.34>\n": false,
	} {
		if got := Holds([]byte(text)); got != want {
			t.Errorf("%.40q: %v", text, got)
		}
	}
}

// A text that somebody compressed is read as well.
func TestACompressedText(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, peers("101/101 192.0.2.34 D Yes Yes 5060 OK (40 ms)"))
	_ = z.Close()
	f := checks.File{Name: "peers.txt.gz", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }}
	if r := run(t, &checks.Env{Files: []checks.File{f}}); r.Status != checks.Pass || r.Facts.(Facts).Peers["OK"] != 1 {
		t.Errorf("%s: %+v", r.Status, r.Facts)
	}
	cut := checks.File{Name: "cut.gz", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes()[:b.Len()/2])), nil }}
	if r := run(t, &checks.Env{Files: []checks.File{cut}}); r.Status == checks.Pass && len(r.Notes) == 0 {
		t.Errorf("half a file is a %s without a word", r.Status)
	}
}

// Evidence from several files names the file and its own line.
func TestEvidenceNamesItsFile(t *testing.T) {
	var files []checks.File
	for name, text := range map[string]string{"a.txt": "x\ny\n", "b.txt": peers("101/101 192.0.2.34 D Yes Yes 5060 OK (40 ms)", "103/103 203.0.113.7 D Yes Yes 5064 UNREACHABLE")} {
		files = append(files, checks.File{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader([]byte(text))), nil }})
	}
	r := run(t, &checks.Env{Files: files})
	if got := r.Findings[0].Evidence[0].Name; got != `sip show peers, "b.txt", line 4` {
		t.Error(got)
	}
}
