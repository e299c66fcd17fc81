package netinfo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// ASOrigin is whose network an address belongs to, as routing and the address
// registries know it. The registry's country is where the network was
// registered, not always where its users are.
type ASOrigin struct {
	Addr    netip.Addr   `json:"addr"`
	ASN     uint32       `json:"asn"`            // autonomous system
	Prefix  netip.Prefix `json:"prefix"`         // as announced
	Country string       `json:"country"`        // ISO 3166, "DE"
	Name    string       `json:"name,omitempty"` // of the autonomous system; a stranger's words
}

// TXTResolver asks DNS for text records; platform.Network is one.
type TXTResolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// LookupOrigin asks Team Cymru's public DNS zones for the network of a public
// address: two text records, one for the address, one for the name of its
// autonomous system (https://www.team-cymru.com/ip-asn-mapping). Without the
// second there is no name and no error.
func LookupOrigin(ctx context.Context, dns TXTResolver, a netip.Addr) (ASOrigin, error) {
	zone, err := originName(a)
	if err != nil {
		return ASOrigin{}, err
	}
	records, err := dns.LookupTXT(ctx, zone)
	if err != nil {
		return ASOrigin{}, err
	}
	o, err := parseOrigin(a.Unmap(), records)
	if err != nil {
		return ASOrigin{}, fmt.Errorf("reading the network of %s: %w", a, err)
	}
	if records, err := dns.LookupTXT(ctx, fmt.Sprintf("AS%d.asn.cymru.com", o.ASN)); err == nil {
		o.Name = parseASName(records)
	}
	return o, nil
}

// originName is the name that the network of a stands under: octets backwards,
// or the nibbles of an IPv6 address.
func originName(a netip.Addr) (string, error) {
	a = a.Unmap()
	if !publicAddr(a) {
		return "", fmt.Errorf("finding the network of %s: it is not a public address", a)
	}
	var labels []string
	for _, b := range a.AsSlice() {
		if a.Is4() {
			labels = append(labels, strconv.Itoa(int(b)))
			continue
		}
		labels = append(labels, strconv.FormatInt(int64(b>>4), 16), strconv.FormatInt(int64(b&15), 16))
	}
	slices.Reverse(labels)
	zone := "origin.asn.cymru.com"
	if a.Is6() {
		zone = "origin6.asn.cymru.com"
	}
	return strings.Join(append(labels, zone), "."), nil
}

// publicAddr reports whether an address belongs to somebody's network:
// documentation networks belong to nobody, and shared space to every carrier.
func publicAddr(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !IsPrivate(a) && !IsDocumentation(a) && reserved(a) == ""
}

// parseOrigin reads "64500 64501 | 192.0.2.0/24 | DE | ripencc | 1993-09-01".
// Of several records the longest prefix that holds a counts.
func parseOrigin(a netip.Addr, records []string) (best ASOrigin, err error) {
	for _, r := range records {
		f := strings.Split(r, "|")
		if len(f) < 3 {
			continue
		}
		asn, _, _ := strings.Cut(strings.TrimSpace(f[0]), " ")
		n, nerr := strconv.ParseUint(asn, 10, 32)
		p, perr := netip.ParsePrefix(strings.TrimSpace(f[1]))
		cc := strings.TrimSpace(f[2])
		if nerr != nil || perr != nil || !p.Contains(a) || !countryCode.MatchString(cc) {
			continue
		}
		if !best.Prefix.IsValid() || p.Bits() > best.Prefix.Bits() {
			best = ASOrigin{Addr: a, ASN: uint32(n), Prefix: p.Masked(), Country: cc}
		}
	}
	if !best.Prefix.IsValid() {
		return best, errors.New("no record of the wanted form")
	}
	return best, nil
}

// longestASName is more than any registry accepts.
const longestASName = 100

// parseASName reads "64500 | DE | ripencc | 1993-09-01 | EXAMPLE-AS Example, DE".
func parseASName(records []string) string {
	for _, r := range records {
		f := strings.Split(r, "|")
		name := strings.TrimSpace(f[len(f)-1])
		if len(f) >= 5 && name != "" && len(name) <= longestASName && !strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) || c == unicode.ReplacementChar }) {
			return name
		}
	}
	return ""
}
