package words

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A reason is the message that it was made of, before and after it was saved,
// whatever a stranger's rule holds.
func TestReasonIsItsMessage(t *testing.T) {
	rule := Because("filter.set", "set", "a\x00b\x01c\x02d", "type", "hash:ip")
	for name, c := range map[string]struct {
		reason Reason
		want   Text
	}{
		"nothing":       {"", Text{}},
		"no values":     {Because("filter.off"), Say("filter.off", nil)},
		"a rule":        {Quote("-j DROP"), Literal("-j DROP")},
		"an empty rule": {Quote(""), Text{}},
		"values":        {rule, Say("filter.set", Args{"set": "a\uFFFDb\uFFFDc\uFFFDd", "type": "hash:ip"})},
		"one inside": {
			rule.In("filter.unread", "why", "what", "ipset"),
			Say("filter.unread", Args{"what": "ipset", "why": Say("filter.set", Args{"set": "a\uFFFDb\uFFFDc\uFFFDd", "type": "hash:ip"})}),
		},
	} {
		if diff := cmp.Diff(c.want, c.reason.Text()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		saved, err := json.Marshal(c.reason)
		if err != nil {
			t.Fatal(err)
		}
		var again Reason
		if err := json.Unmarshal(saved, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, again.Text()); diff != "" {
			t.Errorf("%s, saved as %s (-want +got)\n%s", name, saved, diff)
		}
	}
	met := map[Reason]bool{Because("a", "b", "c"): true}
	if !met[Because("a", "b", "c")] || met[Because("a", "b", "d")] {
		t.Error("reasons cannot be compared")
	}
}
