package asterisk

import (
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Settings is what the configuration files of a server say, line by line, as a
// person reads them who looks for mistakes. No password is in it, and no value of
// an option that Asterisk does not know: that may be a password under a wrong name.
type Settings struct {
	// Read are the files that were there and were read, by the name that they have
	// in /etc/asterisk; Partly those of them that include what was not read.
	Read   []string `json:"read,omitempty"`
	Partly []string `json:"partly,omitempty"`
	Denied []string `json:"denied,omitempty"` // only root may read them

	PJSIP  []*Section `json:"pjsip,omitempty"`
	Wizard []*Section `json:"wizard,omitempty"` // pjsip_wizard.conf
	SIP    []*Section `json:"sip,omitempty"`
	RTP    []*Section `json:"rtp,omitempty"`

	Dialplan Dialplan   `json:"dialplan,omitzero"`
	Modules  Modules    `json:"modules,omitzero"`
	Database []string   `json:"database,omitempty"` // see the function of that name
	Sorcery  []*Section `json:"sorcery,omitempty"`  // sorcery.conf
	External []string   `json:"external,omitempty"` // the tables that extconfig.conf maps to a database
	Broken   []Broken   `json:"broken,omitempty"`
}

// Broken is a line for which Asterisk does not load a file.
type Broken struct {
	File string       `json:"file"` // that is not loaded
	At   string       `json:"at"`   // FILE:LINE
	Why  words.Reason `json:"why"`
}

// Has reports whether a file was read, such as "rtp.conf".
func (s *Settings) Has(file string) bool { return slices.Contains(s.Read, file) }

// Whole reports whether a file was read with all that it includes.
func (s *Settings) Whole(file string) bool { return s.Has(file) && !slices.Contains(s.Partly, file) }

// ReadSettings reads the configuration files of a machine in a folder, usually
// /etc/asterisk.
func ReadSettings(sys platform.System, dir string) *Settings {
	r := &settingsReader{sys: sys, dir: dir, s: &Settings{}, secrets: secretBook{map[string]int{}}}
	r.s.PJSIP = r.sections("pjsip.conf", pjsipOptions)
	r.s.Wizard = r.sections("pjsip_wizard.conf", wizardOptions)
	r.s.SIP = r.sections("sip.conf", chanSIPOptions)
	r.s.RTP = r.sections("rtp.conf", func(*Section) vocabularyOf { return func(string) bool { return true } })
	r.dialplan()
	r.modules()
	r.sorcery()
	r.config("acl.conf")
	return r.s
}

type settingsReader struct {
	sys     platform.System
	dir     string
	s       *Settings
	secrets secretBook
}

func (r *settingsReader) read(name string) ([]byte, error) {
	return platform.ReadSystemFile(r.sys, name, maxConfigFile)
}

// config reads one file and notes whether that is all of it; nil when it is not
// there.
func (r *settingsReader) config(name string) *Config {
	c, err := ParseConfig(path.Join(r.dir, name), Files{Read: r.read, Glob: r.sys.Glob, Dir: r.dir})
	switch {
	case errors.Is(err, platform.ErrPrivilege) || errors.Is(err, fs.ErrPermission):
		r.s.Denied = append(r.s.Denied, name)
		return nil
	case err != nil:
		return nil
	}
	r.s.Read = append(r.s.Read, name)
	if len(c.Unread) > 0 {
		r.s.Partly = append(r.s.Partly, name)
	}
	for _, b := range c.Broken {
		b.File = name
		r.s.Broken = append(r.s.Broken, b)
	}
	return c
}

// sections are those of a file without their secrets. Values of options that are
// not known are left out.
func (r *settingsReader) sections(name string, vocabulary func(*Section) vocabularyOf) []*Section {
	c := r.config(name)
	if c == nil {
		return nil
	}
	for _, s := range c.Sections {
		known := vocabulary(s)
		names := []string{s.Name, s.Last("username"), s.Last("defaultuser")}
		for i := range s.Options {
			o := &s.Options[i]
			lower := strings.ToLower(o.Name)
			switch {
			case lower == "register":
				o.Value = scheme.FindString(o.Value) // the rest holds a password
			case isSecretOption(lower):
				o.Secret = r.secrets.about(lower, o.Value, names...)
				o.Value = ""
			case !known(lower):
				o.Value = ""
			case lower == "auth" && strings.ContainsAny(o.Value, ":#@"): // chan_sip: user:secret@realm
				o.Value = ""
			default:
				o.Value = withoutPassword(o.Value)
			}
		}
	}
	return c.Sections
}

// vocabularyOf tells the options that a section may have, in lower case.
type vocabularyOf func(option string) bool

func pjsipOptions(s *Section) vocabularyOf {
	kinds := []string{s.Last("type")}
	if !IsPJSIPType(kinds[0]) || kinds[0] == phoneprov { // a template, or a section that is wrong
		kinds = slices.DeleteFunc(PJSIPTypes(), func(kind string) bool { return kind == phoneprov })
	}
	return func(option string) bool {
		return slices.ContainsFunc(kinds, func(kind string) bool { return KnowsPJSIP(kind, option) })
	}
}

func wizardOptions(*Section) vocabularyOf { return wizardOption }

// wizardOption is about "endpoint/context" and "remote_hosts".
func wizardOption(option string) bool {
	kind, name, ok := strings.Cut(option, "/")
	if !ok {
		return true
	}
	switch kind {
	case "inbound_auth", "outbound_auth":
		kind = "auth"
	}
	return KnowsPJSIP(kind, name)
}

func chanSIPOptions(*Section) vocabularyOf { return KnowsChanSIP }

// scheme is the transport that a register line begins with.
var scheme = regexp.MustCompile(`^(?:[^@:/?]*\?)?(?:tcp|tls|udp|ws|wss)://`)

// Database are the types of PJSIP objects that sorcery.conf keeps somewhere else than in
// pjsip.conf.
func Database(sys platform.System, dir string) []string {
	r := &settingsReader{sys: sys, dir: dir, s: &Settings{}}
	r.sorcery()
	return r.s.Database
}

// sorcery finds the types of objects that come from a database.
func (r *settingsReader) sorcery() {
	if c := r.config("extconfig.conf"); c != nil {
		for _, s := range c.Named("settings") {
			for _, o := range s.Options {
				r.s.External = append(r.s.External, o.Name)
			}
		}
	}
	c := r.config("sorcery.conf")
	if c == nil {
		return
	}
	for _, s := range c.Sections {
		if !s.Template {
			r.s.Sorcery = append(r.s.Sorcery, s)
		}
	}
	for _, s := range c.Sections {
		if s.Template || !strings.HasPrefix(strings.ToLower(s.Name), "res_pjsip") {
			continue
		}
		for _, o := range s.Options {
			kind, _, _ := strings.Cut(o.Name, "/")
			if !strings.HasPrefix(o.Value, "config,pjsip.conf") && !slices.Contains(r.s.Database, kind) {
				r.s.Database = append(r.s.Database, kind)
			}
		}
	}
}
