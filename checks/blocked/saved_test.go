package blocked

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// observed decodes what a result observed.
func observed(t *testing.T, r checks.Result) (o Observed) {
	t.Helper()
	if err := json.Unmarshal(r.Observed, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// A PBX on which an address is banned by a rule, and by Asterisk's own list.
func bannedTwice() *pbxtest.PBX {
	p := onPBX(map[string]string{"iptables-nft-save -c": table(":f2b-sip - [0:0]", "-A INPUT -p udp -m multiport --dports 5060 -j f2b-sip", "-A f2b-sip -s 198.51.100.7/32 -j DROP")})
	p.Files["/etc/asterisk/asterisk.conf"] = ""
	p.Files["/etc/asterisk/pjsip.conf"] = "[acl]\ntype=acl\ndeny=198.51.100.8/32\n[110]\ntype=auth\npassword=Kq7vPz2wXr\n"
	return p
}

// The report holds what was read; the judge evaluates it. What comes of it can
// stand there instead, and says the same.
func TestASavedReportIsEvaluatedAgain(t *testing.T) {
	p := bannedTwice()
	for _, address := range []string{"198.51.100.7", "198.51.100.8", "198.51.100.9"} {
		r := p.Look(t, Check(), asked(address))
		o := observed(t, r)
		if o.Kept != keptRead || len(o.Subjects) > 0 || o.Read == "" {
			t.Fatalf("%s: %q is kept, with %d answers", address, o.Kept, len(o.Subjects))
		}
		rep := checks.Settle(&checks.Report{Command: "why", Results: []checks.Result{r}}, []*checks.Check{Check()})
		if s := observed(t, rep.Results[0]); s.Kept != keptOut || len(s.Subjects) != 1 || s.Read != "" {
			t.Fatalf("%s: settled, %q is kept, with %d answers", address, s.Kept, len(s.Subjects))
		}
		again, err := checks.Rejudge(rep, []*checks.Check{Check()})
		if err != nil {
			t.Fatal(err)
		}
		now := again.Results[0]
		if diff := cmp.Diff(r.Findings, now.Findings); diff != "" || now.Status != r.Status || now.Summary != r.Summary {
			t.Errorf("%s: settled it says %s: %s\n%s", address, now.Status, now.Summary, diff)
		}
		if len(now.Notes) != len(r.Notes)+1 || !strings.Contains(now.Notes[len(now.Notes)-1], "redacted report") {
			t.Errorf("%s: the notes %q do not say that the listings are left out", address, now.Notes)
		}
	}
}

// An older program did not ask Asterisk's lists; its report holds what they say,
// and today's finds the address blocked.
func TestBetterRulesFindMoreInASavedReport(t *testing.T) {
	r := bannedTwice().Look(t, Check(), asked("198.51.100.8"))
	o := observed(t, r)
	read, ok := o.Read.Open()
	if !ok {
		t.Fatal("nothing is packed")
	}
	older := slices.Delete(steps(), 8, 9)
	then := o.evaluated(read, packetfilter.Parse(read.Listings), packetfilter.SavedWording(read.Texts), older, func() bool { return false })
	if got := verdict(then.Subjects[0]); got != verdictAllowed {
		t.Errorf("without the step it is %s", got)
	}
	if res := Check().Judge(r.Observed, nil); res.Status != checks.Fail || res.Facts.(Facts).Verdict != verdictBlocked {
		t.Errorf("with it: %s, %s", res.Status, res.Summary)
	}
}

// Of more rules than a report should hold only the answer is kept, and it says so.
func TestTooManyRulesAreEvaluatedAtOnce(t *testing.T) {
	const rule = "-A INPUT -s 198.51.100.7/32 -j DROP"
	for _, over := range []int{0, 1} {
		text := table(rule) + "#"
		text += strings.Repeat("x", packetfilter.MaxListings+over-len(text)-1) + "\n"
		p := onPBX(map[string]string{"iptables-nft-save -c": text})
		r := p.Look(t, Check(), asked("198.51.100.7"))
		o, note := observed(t, r), strings.Join(r.Notes, " ")
		if want := map[int]string{0: keptRead, 1: keptLong}[over]; o.Kept != want || strings.Contains(note, "too many rules") != (over > 0) {
			t.Errorf("%d bytes above the limit: %q is kept; notes %q", over, o.Kept, note)
		}
		if r.Status != checks.Fail || r.Facts.(Facts).Verdict != verdictBlocked || len(r.Findings[0].Fixes) == 0 {
			t.Errorf("%d bytes above the limit: %s: %s", over, r.Status, r.Summary)
		}
	}
}

// What was read is lost in a report that somebody redacted without evaluating
// it, or damaged: that is no pass.
func TestWhatIsLostIsNotAPass(t *testing.T) {
	r := onPBX(map[string]string{"iptables-nft-save -c": table()}).Look(t, Check(), asked("198.51.100.9"))
	if r.Status != checks.Pass {
		t.Fatalf("%s: %s", r.Status, r.Summary)
	}
	empty, ok := checks.Pack(Read{}, maxRead)
	if !ok {
		t.Fatal("nothing cannot be packed")
	}
	for name, read := range map[string]checks.Packed[Read]{"emptied": "", "damaged": "H4sIAAAAAAAA", "nothing in it": empty} {
		o := observed(t, r)
		o.Read = read
		raw, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if res := Check().Judge(raw, nil); res.Status != checks.Inconclusive || !strings.Contains(res.Reason, "run the check there again") {
			t.Errorf("%s: %s: %s", name, res.Status, res.Reason)
		}
	}
}

// Passwords of Asterisk are not read for the answer. Rules with what looks like
// one are not kept: without it a command would name no rule.
func TestNoSecretIsPacked(t *testing.T) {
	p := bannedTwice()
	plain := observed(t, p.Look(t, Check(), asked("198.51.100.7", "198.51.100.8")))
	if read, ok := plain.Read.Open(); !ok || len(read.Listings) == 0 {
		t.Fatal("no listing is packed")
	}
	p.Prints["iptables-nft-save -c"] = table(`-A INPUT -s 198.51.100.7/32 -m comment --comment "password=Hj8sLq3mTn" -j DROP`)
	res := p.Look(t, Check(), asked("198.51.100.7", "198.51.100.8"))
	o := observed(t, res)
	if o.Read != "" || o.Kept != keptSecret || len(o.Subjects) != 2 {
		t.Errorf("kept %q, %d bytes, %d subjects", o.Kept, len(o.Read), len(o.Subjects))
	}
	do := res.Findings[0].Fixes[0].Commands
	if !slices.ContainsFunc(do, func(c string) bool { return strings.Contains(c, "--comment password=Hj8sLq3mTn") }) {
		t.Errorf("the rule is not named as it stands: %q", do)
	}
	for _, o := range []Observed{plain, o} {
		raw, err := json.Marshal(o)
		read, _ := o.Read.Open()
		open, err2 := json.Marshal(read)
		if err != nil || err2 != nil || strings.Contains(string(raw)+string(open), "Kq7vPz2wXr") {
			t.Errorf("a password of Asterisk is in what is kept: %v %v", err, err2)
		}
	}
}
