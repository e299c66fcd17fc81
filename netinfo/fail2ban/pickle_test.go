package fail2ban

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// What servers send, written by CPython's pickle with protocol 5 (Python 3.11)
// and protocol 2 (the Python 2 of old PBX distributions).
func TestAnswersOfTheServer(t *testing.T) {
	for _, tc := range []struct{ name, pickle, want string }{
		{"pong", "\x80\x05\x95\x0c\x00\x00\x00\x00\x00\x00\x00K\x00\x8c\x04pong\x94\x86\x94.", `[0,"pong"]`},
		{"an address is a string that is called", "\x80\x05K\x00]\x94\x8c\x08builtins\x94\x8c\x03str\x94\x93\x94\x8c\x09192.0.2.1\x94\x85\x94R\x94a\x86\x94.", `[0,["192.0.2.1"]]`},
		{"a permanent ban", "\x80\x05K\x00J\xff\xff\xff\xff\x86\x94.", `[0,-1]`},
		{"a long number", "\x80\x05K\x00\x8a\x05\xff\xff\xff\xff\x00\x86\x94.", `[0,4294967295]`},
		{"a fraction", "\x80\x05G?\xf8\x00\x00\x00\x00\x00\x00.", `1.5`},
		{"numbers of one byte and two", "\x80\x05K\xffM\xff\xff\x86.", `[255,65535]`},
		{"no database", "\x80\x05K\x00N\x86\x94.", `[0,null]`},
		{"banned, by jail", "\x80\x05K\x00]\x94}\x94\x8c\x04sshd\x94]\x94sa\x86\x94.", `[0,[{"sshd":[]}]]`},
		{"a jail that is not there", "\x80\x05K\x01\x8c\x13fail2ban.exceptions\x94\x8c\x14UnknownJailException\x94\x93\x94\x8c\x04nope\x94\x85\x94R\x94\x86\x94.",
			`[1,{"called":"fail2ban.exceptions.UnknownJailException","with":["nope"]}]`},
		{"Python 2", "\x80\x02K\x00]q\x00(U\x08asteriskq\x01X\x04\x00\x00\x00sshdq\x02e\x86q\x03.", `[0,["asterisk","sshd"]]`},
		{"the same list twice", "\x80\x05]\x94h\x00\x86\x94.", `[[],[]]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := pickleJSON([]byte(tc.pickle))
			if err != nil || string(got) != tc.want {
				t.Errorf("got %s, %v; want %s", got, err, tc.want)
			}
		})
	}
}

func TestHostilePickles(t *testing.T) {
	deep := strings.Repeat("]\x94", 1)
	for i := range 60 { // each list holds the one before twice: 2^60 items
		deep += "]\x94(h" + string(rune(i)) + "h" + string(rune(i)) + "e"
	}
	for name, pickle := range map[string]string{
		"nothing":                 "",
		"cut short":               "\x80\x05X\xff\xff\xff\x7fabc",
		"nothing on the stack":    ".",
		"no mark":                 "t.",
		"a list in itself":        "]\x94h\x00a.",
		"lists of lists of lists": deep + ".",
		"an unknown opcode":       "\xff",
		"protocol 0":              "(I0\n(lp0\nS'a'\np1\naF1.5\natp2\n.",
		"a key without a value":   "}(Nu.",
		"a dict that is its key":  "}\x94h\x00h\x00s.",
		"a number of nine bytes":  "\x8a\x09123456789.",
	} {
		if got, err := pickleJSON([]byte(pickle)); err == nil {
			t.Errorf("%s: %.100s", name, got)
		}
	}
	// Naming a function must not run it, and must not look like an address.
	got, err := pickleJSON([]byte("\x80\x02cposix\nsystem\nX\x02\x00\x00\x00id\x85R."))
	if want := `{"called":"posix.system","with":["id"]}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

// Python reads what is sent.
func TestRequestsArePickles(t *testing.T) {
	want := "\x80\x02](X\x06\x00\x00\x00statusX\x08\x00\x00\x00asteriske."
	if got := pickleStrings("status", "asterisk"); string(got) != want {
		t.Errorf("got %q", got)
	}
	got, err := pickleJSON(pickleStrings("get", "Zürich", "ignoreip"))
	if err != nil || string(got) != `["get","Zürich","ignoreip"]` {
		t.Errorf("got %s, %v", got, err)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return // the lab test asks the server itself
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", "import pickle,sys; print(pickle.load(sys.stdin.buffer))")
	cmd.Stdin = strings.NewReader(string(pickleStrings("status", "asterisk")))
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "['status', 'asterisk']" {
		t.Errorf("Python reads %q, %v", out, err)
	}
}

func FuzzPickle(f *testing.F) {
	f.Add(pickleStrings("status", "a"))
	f.Add([]byte("\x80\x05K\x00]\x94\x8c\x08builtins\x94\x8c\x03str\x94\x93\x94\x8c\x09192.0.2.1\x94\x85\x94R\x94a\x86\x94."))
	f.Add([]byte("\x80\x02K\x00]q\x00(U\x08asteriskq\x01X\x04\x00\x00\x00sshdq\x02e\x86q\x03."))
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := pickleJSON(data)
		if err == nil && !json.Valid(text) {
			t.Errorf("no JSON: %.200s", text)
		}
	})
}
