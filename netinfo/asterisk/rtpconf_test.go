package asterisk

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

// rangeOf reads /etc/asterisk/rtp.conf out of a few files.
func rangeOf(files map[string]string) (*netinfo.RTPConf, error) {
	m := fstest.MapFS{}
	for name, text := range files {
		m[strings.TrimPrefix(name, "/")] = &fstest.MapFile{Data: []byte(text)}
	}
	return ReadRTPConf("/etc/asterisk/rtp.conf", func(name string) ([]byte, error) {
		return fs.ReadFile(m, strings.TrimPrefix(name, "/"))
	})
}

func TestThePBXsMediaRangeIsWhatAsteriskMakesOfItsFile(t *testing.T) {
	const file = "/etc/asterisk/rtp.conf"
	tests := []struct {
		name        string
		files       map[string]string
		first, last int
		byDefault   bool
		notes       string // words of the notes
	}{
		{"as shipped", map[string]string{file: "[general]\n;\n; RTP start and RTP end configure start and end addresses\nrtpstart=10000\nrtpend=20000\n"}, 10000, 20000, false, ""},
		{"with spaces, arrows and comments", map[string]string{file: "[general]\r\n rtpstart => 16384 ; Cisco\r\nRTPEnd = 16484\r\n"}, 16384, 16484, false, ""},
		{"an empty file", map[string]string{file: ""}, 5000, 31000, true, ""},
		{"set in a comment only", map[string]string{file: "[general]\n;rtpstart=10000\n;--\nrtpend=20000\n--;\n"}, 5000, 31000, true, ""},
		{"a comment within a line", map[string]string{file: "[general]\nrtpstart=;-- was 5000 --;10000\nrtpend=20000"}, 10000, 20000, false, ""},
		{"a ruler of dashes is no block comment", map[string]string{file: "[general]\n;----------\nrtpstart=10000\nrtpend=20000"}, 10000, 20000, false, ""},
		{"in another section", map[string]string{file: "[ice_host_candidates]\nrtpstart=1\n"}, 5000, 31000, true, ""},
		{"as FreePBX keeps it", map[string]string{
			file:                                  "#include rtp_additional.conf\n#tryinclude rtp_custom.conf\n",
			"/etc/asterisk/rtp_additional.conf":   "[general]\nrtpstart=10000\nrtpend=10100\n#include \"/etc/asterisk/x/more.conf\"\n",
			"/etc/asterisk/x/more.conf":           "strictrtp=yes\n",
			"/etc/asterisk/rtp_custom_other.conf": "[general]\nrtpstart=1\n",
		}, 10000, 10100, false, ""},
		{"an include that is not there", map[string]string{file: "#include rtp_additional.conf\n[general]\nrtpstart=10000\nrtpend=20000"}, 10000, 20000, false, "rtp_additional.conf, which cannot be read"},
		{"includes in a circle", map[string]string{file: "[general]\nrtpstart=10000\n#include rtp.conf\nrtpend=20000"}, 10000, 20000, false, "nest too deeply"},
		{"a program that writes it", map[string]string{file: "#exec /usr/local/bin/ports\n[general]\nrtpstart=10000\nrtpend=20000"}, 10000, 20000, false, "#exec"},
		{"too low and too high", map[string]string{file: "[general]\nrtpstart=80\nrtpend=99999999999999999999"}, 1024, 65535, false, "Asterisk takes 1024 rtpend"},
		{"no numbers", map[string]string{file: "[general]\nrtpstart=ten\nrtpend=20000x"}, 1024, 20000, false, "rtpstart = ten"},
		{"the wrong way round", map[string]string{file: "[general]\nrtpstart=20000\nrtpend=10000"}, 5000, 31000, true, "not below"},
		{"only its beginning", map[string]string{file: "[general]\nrtpstart=10000"}, 10000, 31000, false, "only one"},
		{"set twice", map[string]string{file: "[general]\nrtpstart=10000\nrtpstart=12000\nrtpend=20000"}, 10000, 20000, false, "twice, to 10000 and to 12000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := rangeOf(tt.files)
			if err != nil {
				t.Fatal(err)
			}
			want := &netinfo.RTPConf{File: file, First: tt.first, Last: tt.last, Default: tt.byDefault}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(netinfo.RTPConf{}, "Notes")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if notes := strings.Trim(fmt.Sprint(got.Notes), "[]"); !strings.Contains(notes, tt.notes) || tt.notes == "" && notes != "" {
				t.Errorf("it notes %q, want %q", notes, tt.notes)
			}
		})
	}
}

func TestARangeThatCannotBeReadIsSaid(t *testing.T) {
	if _, err := rangeOf(nil); err == nil || !strings.Contains(err.Error(), "reading /etc/asterisk/rtp.conf") {
		t.Errorf("error %v", err)
	}
}

func FuzzReadRTPConf(f *testing.F) {
	f.Add("[general]\nrtpstart=10000\nrtpend=20000\n")
	f.Add("[general](+)\n;-- a --;rtpstart => 9\\;\n#include rtp.conf\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := rangeOf(map[string]string{"/etc/asterisk/rtp.conf": text})
		if err != nil {
			t.Fatal(err)
		}
		if c.First < 1024 || c.Last > 65535 || c.First >= c.Last {
			t.Errorf("range %d-%d", c.First, c.Last)
		}
	})
}
