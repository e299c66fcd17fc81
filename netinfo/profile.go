package netinfo

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sipdoctor/sipdoctor/platform"
)

//go:embed profiles/*.yaml
var profileFiles embed.FS

// Profile is what a telephone provider asks of a network: whom phones talk to,
// and what must not stand in between. Only what its source says; empty means
// not published or different for every customer.
type Profile struct {
	Name  string `yaml:"name" json:"name"`   // as the user types it
	Title string `yaml:"title" json:"title"` // as the provider calls itself

	SIP  []SIPHost `yaml:"sip" json:"sip"`
	STUN []string  `yaml:"stun" json:"stun,omitempty"` // host:port

	// SIPALGMustBeOff is true when the provider itself says so.
	SIPALGMustBeOff bool `yaml:"sip_alg_must_be_off" json:"sip_alg_must_be_off"`

	Notes   []string `yaml:"notes" json:"notes,omitempty"`
	Source  string   `yaml:"source" json:"source"`
	Checked string   `yaml:"checked" json:"checked"` // YYYY-MM-DD, the day somebody looked
}

// SIPHost is one server that phones register with or send calls to.
type SIPHost struct {
	Host      string `yaml:"host" json:"host"`
	Port      int    `yaml:"port" json:"port"`           // 0 is the transport's usual one, see Address
	Transport string `yaml:"transport" json:"transport"` // udp, tcp or tls
}

// Address is host:port; the usual port is 5060, for TLS 5061 (RFC 3261,
// section 19.1.2).
func (s SIPHost) Address() string {
	port := s.Port
	switch {
	case port != 0:
	case s.Transport == "tls":
		port = 5061
	default:
		port = 5060
	}
	return net.JoinHostPort(s.Host, strconv.Itoa(port))
}

// profileLimit is far above any profile a person writes, and far below what a
// small machine can read.
const profileLimit = 1 << 20

// LoadProfile returns the built-in profile of that name, or reads the file of
// that name: whatever has a slash, a backslash or ends in .yaml or .yml is a
// file. The error names the file and the line.
func LoadProfile(nameOrFile string) (*Profile, error) {
	if strings.ContainsAny(nameOrFile, `/\`) || strings.HasSuffix(nameOrFile, ".yaml") || strings.HasSuffix(nameOrFile, ".yml") {
		b, err := platform.ReadSmallFile(nameOrFile, profileLimit)
		if err != nil {
			return nil, fmt.Errorf("reading the profile: %w", err)
		}
		return ParseProfile(nameOrFile, b)
	}
	all := Profiles()
	var names []string
	for _, p := range all {
		if strings.EqualFold(p.Name, nameOrFile) {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return nil, fmt.Errorf("no profile is called %q; there are %s (a file's name ends in .yaml)", nameOrFile, strings.Join(names, ", "))
}

// Profiles returns the built-in profiles by name, made anew at every call. A
// built-in profile that cannot be read is left out; a test forbids it.
func Profiles() []*Profile {
	list, _ := readProfiles(profileFiles, "profiles")
	return list
}

func readProfiles(fsys fs.FS, dir string) ([]*Profile, error) {
	names, err := fs.Glob(fsys, path.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("listing the profiles: %w", err)
	}
	var list []*Profile
	var errs []error
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err == nil {
			var p *Profile
			if p, err = ParseProfile(name, b); err == nil {
				list = append(list, p)
			}
		}
		errs = append(errs, err)
	}
	slices.SortFunc(list, func(a, b *Profile) int { return cmp.Compare(a.Name, b.Name) })
	return list, errors.Join(errs...)
}

// ParseProfile reads a profile strictly. file is only for errors; its base
// name without the ending must be the profile's name.
func ParseProfile(file string, b []byte) (*Profile, error) {
	var p Profile
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&p); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := dec.Decode(new(Profile)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: there must be one YAML document and nothing after it", file)
	}
	if key, fault := p.fault(file); fault != "" {
		return nil, fmt.Errorf("%s:%d: %s: %s", file, lineOf(b, key), strings.Join(key, " "), fault)
	}
	return &p, nil
}

var (
	profileName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	hostName    = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?$|^[0-9A-Fa-f:.]+$`)
)

// fault says what is wrong with the profile and under which key.
func (p *Profile) fault(file string) (key []string, fault string) {
	base := strings.TrimSuffix(strings.TrimSuffix(path.Base(strings.ReplaceAll(file, `\`, "/")), ".yaml"), ".yml")
	switch {
	case !profileName.MatchString(p.Name):
		return []string{"name"}, "must be lower-kebab-case"
	case p.Name != base:
		return []string{"name"}, fmt.Sprintf("is %q, the file's name says %q", p.Name, base)
	case strings.TrimSpace(p.Title) == "":
		return []string{"title"}, "must not be empty"
	case len(p.SIP)+len(p.STUN)+len(p.Notes) == 0:
		return []string{"sip"}, "the profile says nothing: give sip, stun or notes"
	case strings.TrimSpace(p.Source) == "":
		return []string{"source"}, "must name a page or a public document"
	}
	if _, err := time.Parse(time.DateOnly, p.Checked); err != nil {
		return []string{"checked"}, "must be a date like 2026-11-22"
	}
	for i, s := range p.SIP {
		at := []string{"sip", strconv.Itoa(i)}
		switch {
		case !hostName.MatchString(s.Host) || len(s.Host) > 253:
			return append(at, "host"), fmt.Sprintf("%q is no host name or address", s.Host)
		case s.Port < 0 || s.Port > 65535:
			return append(at, "port"), fmt.Sprintf("%d is no port", s.Port)
		case !slices.Contains([]string{"udp", "tcp", "tls"}, s.Transport):
			return append(at, "transport"), fmt.Sprintf("%q is none of udp, tcp, tls", s.Transport)
		}
	}
	for i, s := range p.STUN {
		host, port, err := net.SplitHostPort(s)
		if n, nerr := strconv.Atoi(port); err != nil || nerr != nil || n < 1 || n > 65535 || !hostName.MatchString(host) {
			return []string{"stun", strconv.Itoa(i)}, fmt.Sprintf("%q is not host:port", s)
		}
	}
	return nil, ""
}

// lineOf finds the line of a key in the document: of the deepest part of it
// that exists.
func lineOf(b []byte, key []string) int {
	var doc yaml.Node
	if yaml.Unmarshal(b, &doc) != nil || len(doc.Content) == 0 {
		return 1
	}
	n := doc.Content[0]
	line := n.Line
	for _, k := range key {
		var next *yaml.Node
		i, err := strconv.Atoi(k)
		if n.Kind == yaml.SequenceNode && err == nil && i < len(n.Content) {
			next = n.Content[i]
		}
		for j := 0; n.Kind == yaml.MappingNode && j+1 < len(n.Content); j += 2 {
			if n.Content[j].Value == k {
				next = n.Content[j+1]
			}
		}
		if next == nil {
			break
		}
		n, line = next, next.Line
	}
	return line
}
