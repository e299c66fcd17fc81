package asteriskconfig

import (
	"encoding/json"
	"testing"
)

// Whatever files are handed over, judging them ends, says nothing that is too long
// for a line, and comes to the same from a saved report.
func FuzzFiles(f *testing.F) {
	f.Add(goodPJSIP, goodDialplan, goodSIP)
	f.Add("[a]\ntype=identify\nmatch=::/0,10.0.0.0/255.0.255.0\nendpoint=a\n[a]\ntype=transport\nbind=[::]:0\nlocal_net=!x\n", "[a]\nexten=>_.,n(x),Dial(SIP/${X}@)\ninclude=>\n", "[general]\nregister=>tls://\nexternip=::1\n[b]\ntype=peer\nhost=dynamic\ndeny=0\n")
	f.Fuzz(func(t *testing.T, pjsip, dialplan, chanSIP string) {
		s := settingsOf(t, map[string]string{pj: pjsip, dp: dialplan, sip: chanSIP, md: dialplan, rtp: dialplan})
		o := &Observed{Found: true, Saved: len(pjsip)%2 == 0, Kinds: count(s)}
		list := examine(s, o, nil)
		raw, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		var again []Fault
		if err := json.Unmarshal(raw, &again); err != nil || len(again) != len(list) {
			t.Fatal(err)
		}
		for i := range list {
			if a, b := list[i].finding(o), again[i].finding(o); a.Words() != b.Words() || len(a.Fixes) != len(b.Fixes) || len(a.Evidence) != len(b.Evidence) {
				t.Errorf("%+v, then %+v", a, b)
			}
			for _, l := range list[i].Lines {
				if len(l.Got) > 200 || len(l.At) > 300 {
					t.Errorf("%d and %d bytes", len(l.Got), len(l.At))
				}
			}
		}
	})
}
