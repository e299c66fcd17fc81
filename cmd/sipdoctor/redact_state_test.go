package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/asteriskstate"
)

const pastedState = `pbx*CLI> sip show peers
Name/username             Host                                    Dyn Forcerport Comedia    ACL Port     Status      Description
101/101                   192.0.2.34                               D  Yes        Yes            5060     OK (40 ms)
102/102                   203.0.113.7                              D  Yes        Yes            5060     UNREACHABLE
103/103                   203.0.113.7                              D  Yes        Yes            5061     UNREACHABLE
104/104                   10.1.2.3                                 D  Yes        Yes            5061     UNREACHABLE
4 sip peers [Monitored: 1 online, 3 offline Unmonitored: 0 online, 0 offline]
 Identify:  <Identify/Endpoint......>
      Match:  <criteria....>
====

 Identify:  a/carol
      Match: 198.51.0.0/16

 Identify:  b/david
      Match: 198.51.100.7/32

Objects found: 2
`

// What Asterisk says is judged to the same when its addresses are others.
func TestARedactedStateIsJudgedTheSame(t *testing.T) {
	f := checks.File{Name: "paste.txt", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(pastedState)), nil }}
	list := []*checks.Check{asteriskstate.Check()}
	r := checks.Run(t.Context(), list, &checks.Env{Files: []checks.File{f}}, checks.Meta{Command: "diagnose"})
	var b bytes.Buffer
	o := reporting{format: "json", redact: true}
	if err := o.show(t.Context(), streams{Out: &b}, r); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"192.0.2.34", "203.0.113.7", "10.1.2.3", "198.51.100.7"} {
		if strings.Contains(unpacked(t, b.String()), secret) {
			t.Errorf("the redacted report holds %s", secret)
		}
	}
	again, err := checks.ReadReport(&b)
	if err != nil {
		t.Fatal(err)
	}
	if again, err = checks.Rejudge(again, list); err != nil {
		t.Fatal(err)
	}
	var before, after []string
	for _, f := range r.Results[0].Findings {
		before = append(before, f.Words()+" "+string(f.Severity))
	}
	for _, f := range again.Results[0].Findings {
		after = append(after, f.Words()+" "+string(f.Severity))
	}
	if diff := cmp.Diff(before, after); diff != "" || len(before) != 3 {
		t.Errorf("redacted it says something else (-original +redacted)\n%s", diff)
	}
}

// Whom somebody calls is in no redacted bundle.
func TestARedactedBundleNamesNoCaller(t *testing.T) {
	in := "SIP/101-00000001!office!74951234567!2!Up!Dial!SIP/itsp/74951234567!74957654321!acct!peer!3!30!!1795945180.1\n"
	out := string(newCleaner(true).Clean("$ asterisk -rx core show channels concise", []byte(in)))
	if strings.Contains(out, "7495") || !strings.Contains(out, "!Up!Dial!") || !strings.Contains(out, "!30!") {
		t.Errorf("%q", out)
	}
	listing := " Endpoint:  101/74951234567   In use   1 of inf\n    Channel: PJSIP/101-00000001/Dial   Up   00:00:12\n        Exten: 74951234567   CLCID: \"A Person\" <74957654321>\n"
	out = string(newCleaner(true).Clean("$ asterisk -rx pjsip show endpoints", []byte(listing)))
	if strings.Contains(out, "7495") || !strings.Contains(out, "In use") {
		t.Errorf("%q", out)
	}
	if plain := string(newCleaner(false).Clean("$ asterisk -rx core show channels concise", []byte(in))); plain != in {
		t.Errorf("%q", plain)
	}
}
