package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/secrets"
)

// people knows the names in a support bundle, and what stands for each: of
// machines, of users and their extensions where those are words or telephone
// numbers, of persons, and the comments that somebody wrote.
type people struct {
	standIns map[string]string // by the original in lower case
	anywhere map[string]bool   // names that the administrator gave: they go wherever they stand
	count    map[string]int    // stand-ins by kind
}

func newPeople() *people {
	return &people{standIns: map[string]string{}, anywhere: map[string]bool{}, count: map[string]int{}}
}

var (
	// Where the names of other machines stand.
	namedHost     = regexp.MustCompile(`(?i)(?:\bsips?:|@)([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.[a-z]{2,24})\b|(?m:^[ \t]*(?:host|outbound_proxy|from_?domain|realm|extern(?:addr|host|ip)|external_\w+_address|server|domain|match|remote_hosts|\w*stunaddr|turnaddr)[ \t]*=>?[ \t]*([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.[a-z]{2,24})\b)`)
	serviceLabels = regexp.MustCompile(`(?i)(?:_[a-z0-9-]+\.)+`)
	// What is written like the name of a machine.
	hostText = regexp.MustCompile(`(?i)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\.[a-z]{2,24}`)
	// The user of a SIP URI, of a mail address, of Asterisk's security events,
	// and who shows himself by a name.
	userOfURI  = regexp.MustCompile(`(?i)(\bsips?:|\btel:)([^\s@:;<>"'/]+)((?::[^\s@<>"']*)?@|;|>)`)
	userOfMail = regexp.MustCompile(`()([A-Za-z][\w.+-]*)(@[A-Za-z0-9-]+\.[A-Za-z0-9.-]+)`)
	accountID  = regexp.MustCompile(`(AccountID=\\?")([^"\\@:]+)(\\?")`)
	shownName  = regexp.MustCompile(`(\\?")([^"\\\r\n<>]{1,80})(\\?"[ \t]*<(?:sips?:|tel:|\+?\d+>|[\w.-]+>))`)
	callerName = regexp.MustCompile(`(?im)^([ \t]*(?:endpoint/)?(?:callerid|cid_name|fullname|description|from_?user)[ \t]*=>?[ \t]*"?)([^"<\r\n]*[^"<\s])("?)`)
	homeOf     = regexp.MustCompile(`(/home/|/Users/|\\Users\\)([^/\\\s"':]+)()`)
	wireless   = regexp.MustCompile(`(?i)(\bE?SSID[=:]\s*"?)([^"\r\n]+)()`)
	// Sections of Asterisk's files and the options that name them.
	sectionOf = regexp.MustCompile(`(?m)^\[([A-Za-z][\w.-]*)\]`)
	loginOf   = regexp.MustCompile(`(?im)^[ \t]*(?:\w+/)?(?:username|defaultuser|contact_user)[ \t]*=>?[ \t]*([\w.+-]+)`)
)

// learn notes the names of a file.
func (p *people) learn(name string, data []byte) {
	text := string(data)
	if name == "/etc/hostname" || strings.HasPrefix(name, "$ hostname") {
		p.host(strings.TrimSpace(text), true)
	}
	asterisk := strings.Contains(name, "/asterisk/") && !strings.HasPrefix(name, "/var/log/")
	for _, m := range namedHost.FindAllStringSubmatch(text, -1) {
		p.host(m[1]+m[2], asterisk)
	}
	// The labels of a service, _sip._udp., are no part of the name.
	plain := strings.ReplaceAll(serviceLabels.ReplaceAllString(text, " "), "_", " ")
	for _, at := range hostText.FindAllStringIndex(plain, -1) {
		if isHost(plain, at[0], at[1]) {
			p.host(plain[at[0]:at[1]], false)
		}
	}
	for _, m := range homeOf.FindAllStringSubmatch(text, -1) {
		p.user(m[2])
	}
	if !asterisk && !strings.HasPrefix(name, "$ asterisk ") {
		return // a log quotes strangers, who could choose a name to spoil the rest
	}
	for _, m := range userOfURI.FindAllStringSubmatch(text, -1) {
		if !namesHost(m) {
			p.user(m[2])
		}
	}
	for _, m := range append(loginOf.FindAllStringSubmatch(text, -1), sectionOf.FindAllStringSubmatch(text, -1)...) {
		p.user(m[1])
	}
	for _, m := range callerName.FindAllStringSubmatch(text, -1) {
		for word := range strings.FieldsSeq(m[2]) {
			p.user(strings.Trim(word, `.,"'()`))
		}
	}
}

// host notes a machine. Of one that the PBX is told to talk to the company's
// part goes as well: "provider" of sip.provider.example.
func (p *people) host(host string, own bool) {
	host = strings.ToLower(strings.Trim(host, "."))
	if len(host) < 3 || isPlainName(host) {
		return
	}
	p.standIn("host-%d.invalid", host)
	p.anywhere[host] = true
	if labels := strings.Split(host, "."); own && len(labels) > 1 {
		p.user(labels[len(labels)-2])
	}
}

// user notes a word that the administrator chose.
func (p *people) user(word string) {
	if len(word) >= 4 && reveals(word) {
		p.standIn("user-%d", word)
		p.anywhere[strings.ToLower(word)] = true
	}
}

// standIn is what stands for a name everywhere in the bundle. form holds %d.
func (p *people) standIn(form, original string) string {
	key := strings.ToLower(original)
	if p.standIns[key] == "" {
		p.count[form]++
		p.standIns[key] = fmt.Sprintf(form, p.count[form])
	}
	return p.standIns[key]
}

// reveals reports whether a word may name somebody: not a short extension, not
// a word of the files' own vocabulary.
func reveals(word string) bool {
	if strings.Trim(word, "+0123456789*#") == "" {
		return len(word) >= 7 // a telephone number
	}
	lower := strings.ToLower(word)
	return !secrets.IsKeyword(lower) && !isPlainName(lower) && !standInText.MatchString(lower)
}

var standInText = regexp.MustCompile(`^(?:host-\d+\.invalid|(?:user|name|comment)-\d+|\[?removed\]?|invalid)$`)

// plainNames are words that give nobody away and stand in every second line of
// the files, and names of the software's makers.
var plainNames = wordSet(`
localhost pbx freepbx asterisk sip voip server debian ubuntu centos sangoma trunk phone phones office global general system authentication
transport-udp transport-tcp transport-tls registration registrations endpoint wizard register exten dynamic logfiles directories options anonymous
unknown messages default incoming outgoing internal external asterisk.org digium.com fail2ban.org freepbx.org github.com sangoma.com debian.org
kernel.org netfilter.org in-addr.arpa ip6.arpa from failed wrong password request account notice security input output forward docker nftables iptables
fail2ban crowdsec csf com net org co example arpa modules globals res_pjsip sorcery parkedcalls
`)

func isPlainName(s string) bool { return plainNames[s] }

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}

// topDomains are endings of host names that are no endings of files.
var topDomains = wordSet(`
com net org info biz edu gov mil int arpa app dev cloud online site tech xyz name
pro mobi tel network systems solutions company email group digital agency world live space store shop center zone
services consulting support software example test invalid lan localdomain home corp internal intranet lab
`)

// shortEndings are endings of files that look like countries.
var shortEndings = wordSet(`ko so py sh pl md rs cc gz db js go hs ts xz bz ac am la in id`)

func isHost(text string, from, to int) bool {
	name := strings.ToLower(text[from:to])
	ending := name[strings.LastIndexByte(name, '.')+1:]
	if from > 0 && isWordByte(text[from-1]) || to < len(text) && (isWordByte(text[to]) || text[to] == '(') {
		return false
	}
	if len(ending) > 2 {
		return topDomains[ending]
	}
	inPath := from > 0 && text[from-1] == '/' && !(from > 1 && text[from-2] == '/')
	return !shortEndings[ending] || strings.Count(name, ".") > 1 && !inPath
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

// replace puts stand-ins for the names: those in the places for names whatever
// they are, the administrator's anywhere.
func (p *people) replace(data []byte) []byte {
	text := string(data)
	for _, place := range []*regexp.Regexp{userOfURI, accountID, userOfMail, homeOf} {
		text = p.inPlace(place, "user-%d", text)
	}
	for _, place := range []*regexp.Regexp{shownName, callerName, wireless} {
		text = p.inPlace(place, "name-%d", text)
	}
	return []byte(nameRun.ReplaceAllStringFunc(text, func(run string) string {
		name := strings.TrimPrefix(run, "_")
		return run[:len(run)-len(name)] + p.word(name, len(name) < len(run))
	}))
}

// nameRun is what may be a name, after the underscore of a service.
var nameRun = regexp.MustCompile(`_?[A-Za-z0-9\x80-\x{10FFFF}][A-Za-z0-9\x80-\x{10FFFF}.+-]*`)

// inPlace replaces the second of the three groups of a place.
func (p *people) inPlace(place *regexp.Regexp, form, text string) string {
	return place.ReplaceAllStringFunc(text, func(match string) string {
		m := place.FindStringSubmatch(match)
		if !reveals(m[2]) || strings.Trim(m[2], "-") == "" || place == userOfURI && namesHost(m) {
			return match
		}
		return m[1] + p.standIn(form, m[2]) + m[3]
	})
}

// namesHost reports whether what looks like the user of a URI is its host.
func namesHost(m []string) bool {
	return !strings.HasPrefix(strings.ToLower(m[1]), "tel") && !strings.HasSuffix(m[3], "@")
}

// word replaces what names somebody in a run of letters, digits and ".-+": all
// of it, a host and those in front of it that belong to it, or single words. The
// label of a service stays, the last of _sip._udp.
func (p *people) word(s string, service bool) string {
	core := strings.TrimRight(s, ".-+")
	end := s[len(core):]
	lower := strings.ToLower(core)
	if p.anywhere[lower] {
		return p.standIns[lower] + end
	}
	labels := strings.Split(lower, ".")
	for i := 1; i < len(labels)-1; i++ {
		if host := strings.Join(labels[i:], "."); p.anywhere[host] {
			label := ""
			if service && i == 1 {
				label = core[:len(core)-len(host)]
			}
			return label + p.standIns[host] + end
		}
	}
	slices.Reverse(labels)
	if backwards := strings.Join(labels, "."); p.anywhere[backwards] {
		return p.standIns[backwards] + end
	}
	return subWord.ReplaceAllStringFunc(core, func(w string) string {
		if lower := strings.ToLower(w); p.anywhere[lower] {
			return p.standIns[lower]
		}
		return w
	}) + end
}

var subWord = regexp.MustCompile(`[A-Za-z0-9\x80-\x{10FFFF}]{4,}`)
