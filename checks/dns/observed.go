package dns

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Observed is everything that was asked and answered.
type Observed struct {
	Names     []Name     `json:"names"`
	Resolvers []Resolver `json:"resolvers"`
	// ListError is why this machine's DNS servers are not known.
	ListError words.Cause `json:"list_error,omitempty"`
	// Unlisted: this system does not tell its DNS servers, which is not a fault.
	Unlisted bool `json:"unlisted,omitempty"`
	// Nonsense are the names that were asked for and cannot exist.
	Nonsense []string `json:"nonsense,omitempty"`
	// Nobody is the question to an address that runs no DNS.
	Nobody     *Question  `json:"nobody,omitempty"`
	NobodyAddr netip.Addr `json:"nobody_addr,omitzero"`
	NoPublic   bool       `json:"no_public,omitempty"` // public resolvers were not to be asked
}

// Name is one host that the run needs.
type Name struct {
	Host string `json:"host"`
	For  string `json:"for"` // one of forSIP, forResponder, forSTUN
	SIP  bool   `json:"sip"` // looked up by NAPTR and SRV as well
	// Builtin: nobody asked for this name, the program did. What becomes of it
	// decides nothing.
	Builtin bool `json:"builtin,omitempty"`
	// Port as the user or the profile said; 0: none. A phone that is told a
	// port asks for no SRV record (RFC 3263, section 4.2).
	Port int `json:"port,omitempty"`
	// System is what this machine's own look-up returns, hosts file included.
	System      []netip.Addr `json:"system,omitempty"`
	SystemError words.Cause  `json:"system_error,omitempty"`
}

// What a name is for, as observations say it.
const (
	forSIP       = "SIP server"
	forResponder = "responder"
	forSTUN      = "STUN server"
)

func (n Name) what() string {
	switch n.For {
	case forSIP:
		return "sip"
	case forSTUN:
		return "stun"
	}
	return "responder"
}

// Resolver is one DNS server and what it said.
type Resolver struct {
	Addr   netip.AddrPort `json:"addr"`
	Source string         `json:"source"` // system or public
	// Questions over UDP, and over TCP where the answer was cut.
	Questions []Question `json:"questions"`
	// TCP is the first question again, over TCP, because UDP stayed silent.
	TCP *Question `json:"tcp,omitempty"`
}

// The sources of a resolver.
const (
	fromSystem = "system"
	fromPublic = "public"
)

// Question is one question and its answer.
type Question struct {
	Name string `json:"name"` // without the trailing dot, lower case
	Type string `json:"type"`
	// Rcode is the answer's code (NOERROR, NXDOMAIN, …); empty without an answer.
	Rcode      string      `json:"rcode,omitempty"`
	Records    []Record    `json:"records,omitempty"`
	Transport  string      `json:"transport"` // of the answer, or of the last try
	Tries      int         `json:"tries"`
	RTTMillis  float64     `json:"rtt_ms,omitempty"`
	NoEDNS     bool        `json:"no_edns,omitempty"` // it answered only without EDNS0
	Error      words.Cause `json:"error,omitempty"`
	ErrorClass string      `json:"error_class,omitempty"`
	ErrorHop   netip.Addr  `json:"error_hop,omitzero"`
}

// Record is one resource record of an answer. Only the fields of its type are
// set; names are without the trailing dot.
type Record struct {
	Type  string     `json:"type"` // A AAAA CNAME SRV NAPTR
	Owner string     `json:"owner"`
	TTL   int        `json:"ttl"` // seconds
	Addr  netip.Addr `json:"addr,omitzero"`

	Target   string `json:"target,omitempty"` // of SRV and CNAME; NAPTR's replacement
	Port     int    `json:"port,omitempty"`
	Priority int    `json:"priority,omitempty"` // SRV; NAPTR's order
	Weight   int    `json:"weight,omitempty"`   // SRV; NAPTR's preference
	Service  string `json:"service,omitempty"`  // NAPTR
	Flags    string `json:"flags,omitempty"`    // NAPTR
}

// works reports whether the resolver gave a usable answer to anything.
func (r *Resolver) works() bool {
	return slices.ContainsFunc(r.Questions, func(q Question) bool { return q.usable() })
}

func (r *Resolver) answers() bool {
	return slices.ContainsFunc(r.Questions, func(q Question) bool { return q.Rcode != "" })
}

// usable reports whether the answer says something about the name: that it
// exists, or that it does not.
func (q *Question) usable() bool { return q.Rcode == "NOERROR" || q.Rcode == "NXDOMAIN" }

// find returns the question about that name and type, an empty one when it was
// not asked.
func (r *Resolver) find(name, kind string) *Question {
	for i := range r.Questions {
		if q := &r.Questions[i]; q.Type == kind && strings.EqualFold(q.Name, name) {
			return q
		}
	}
	return &Question{}
}

// addrs are the addresses that the resolver gives a name, sorted; known is
// false when it gave no usable answer for both families.
func (r *Resolver) addrs(name string) (list []netip.Addr, known bool) {
	known = true
	for _, kind := range []string{"A", "AAAA"} {
		q := r.find(name, kind)
		known = known && q.usable()
		list = append(list, q.addrs()...)
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list), known
}

// addrs are the addresses in an answer that says that the name exists; clients
// ignore those in any other.
func (q *Question) addrs() (list []netip.Addr) {
	if q.Rcode != "NOERROR" {
		return nil
	}
	for _, rec := range q.Records {
		if rec.Addr.IsValid() {
			list = append(list, rec.Addr)
		}
	}
	return list
}

// services are the owners of the SRV records that a phone asks for, in the
// order of the columns of RFC 3263, section 4.1.
func services(host string) []string {
	return []string{"_sip._udp." + host, "_sip._tcp." + host, "_sips._tcp." + host}
}
