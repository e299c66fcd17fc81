package capture

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
)

// shown is a table as a person reads it.
func shown(t *testing.T, s *story, id string) (lines []string) {
	t.Helper()
	r := s.read(t)
	rep := &checks.Report{Results: []checks.Result{r}}
	checks.Fill(rep, checks.BookOf([]*checks.Check{Check()}), "en")
	for _, table := range rep.Results[0].Tables {
		if table.ID != id {
			continue
		}
		for _, row := range table.Rows {
			lines = append(lines, strings.Join(row.Cells[:len(table.Columns)], " "))
			if row.Finding > 0 {
				lines[len(lines)-1] += " " + r.Findings[row.Finding-1].ID
			}
		}
	}
	return lines
}

// Every call has a row: when, who, how it ended, how long, how it sounded, and the
// finding that it belongs to.
func TestCallsAreListed(t *testing.T) {
	s := tell()
	good := s.dial(phoneAt, pbxAt)
	good.request("INVITE", sdp("192.168.88.10:4000"))
	good.answer("200 OK", sdp("198.51.100.2:12000"))
	good.request("ACK")
	s.talk(60*time.Second, speaker{from: "192.168.88.10:4000", to: "198.51.100.2:12000", ssrc: 1}, speaker{from: "198.51.100.2:12000", to: "192.168.88.10:4000", ssrc: 2, lose: 200})
	good.request("BYE")
	good.answer("200 OK")
	silent := s.dial(phoneAt, "198.51.100.9:5060")
	silent.request("INVITE", sdp("192.168.88.10:4002"))
	s.wait(2 * time.Second)
	silent.repeat(sdp("192.168.88.10:4002"))
	s.wait(10 * time.Second)
	busy := s.dial(phoneAt, pbxAt)
	busy.request("INVITE")
	busy.answer("486 Busy Here")
	open := s.dial(phoneAt, pbxAt)
	open.request("INVITE")
	open.answer("200 OK")
	open.request("ACK")
	want := []string{
		"1 07:06:40 100 200 answered 1:00 MOS 0/0.5",
		"2 07:07:40 100 200 no answer – – – capture.no-answer",
		"3 07:07:52 100 200 refused 486 – – – capture.refused",
		"4 07:07:52 100 200 answered 0:00+ – –",
	}
	got := shown(t, s, "capture.calls")
	got[0] = regexp.MustCompile(`4\.\d/4\.\d`).ReplaceAllString(got[0], "MOS")
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A phone that registers all day is one row; one that is refused at another server is
// another.
func TestRegistrationsAreFolded(t *testing.T) {
	s := tell()
	phone := s.dial(phoneAt, pbxAt)
	for range 30 {
		phone.request("REGISTER")
		phone.answer("401 Unauthorized", `WWW-Authenticate: Digest realm="pbx", nonce="1"`)
		phone.request("REGISTER", `Authorization: Digest username="100", realm="pbx", nonce="1"`)
		phone.answer("200 OK")
		s.wait(time.Minute)
	}
	other := s.dial(phoneAt, "198.51.100.9:5060")
	other.request("REGISTER")
	other.answer("403 Forbidden")
	want := []string{"07:06:40 REGISTER 200 192.168.88.10 198.51.100.2 30 accepted", "07:36:40 REGISTER 200 192.168.88.10 198.51.100.9 1 refused 403 capture.refused"}
	if d := cmp.Diff(want, shown(t, s, "capture.others")); d != "" {
		t.Error(d)
	}
}

// A name with blanks in it does not look like the columns after it.
func TestACellIsOneWord(t *testing.T) {
	for from, want := range map[string]string{"100": "100", "": "–", "100  200  answered": "100_200_answered", "\t": "–"} {
		if got := cell(from); got != want {
			t.Errorf("%q becomes %q, not %q", from, got, want)
		}
	}
}
