package logs

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
)

// Whatever stands in a log, the check comes to a result that can be saved.
func FuzzLog(f *testing.F) {
	f.Add(tell().say(at(office, "101", "102")...).say(lost("101", "102")...).say(back("101")...).say(refusal("110", office, "Wrong password")).String())
	f.Add("[2026-11-29 08:00:00] NOTICE[1] chan_sip.c: Peer '102' is now Lagged. ()\n")
	f.Add("[2026-11-29 08:00:00] WARNING[1] chan_sip.c: Got error 503 on register to u@h, giving up\nWARNING[1] x.c: Unable to create channel of type 'SIP' (cause 999999 - x)\n")
	f.Add(dials(4).String())
	f.Add("[2026-11-29 08:00:00] ERROR[1] config_options.c: Error parsing =: at line 8 of \nERROR[1] res_sorcery_config.c: Could not create an object of type '' with id 'a' from configuration file ''\n")
	f.Fuzz(func(t *testing.T, text string) {
		o, err := observe(context.Background(), &checks.Env{Files: []checks.File{file("full", text)}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(o); err != nil {
			t.Fatal(err)
		}
		for _, x := range judge(o, nil).Findings {
			if x.ID == "" || len(x.Evidence) == 0 {
				t.Errorf("%s.%s says nothing: %+v", x.ID, x.Variant, x)
			}
		}
	})
}
