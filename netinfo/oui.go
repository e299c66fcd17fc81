package netinfo

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/routes"
)

//go:generate go -C internal/ouigen run . ../../oui.gz

// ouiTable is the IEEE's list of hardware address makers (MA-L, 2025-10):
// gzip'd lines of a name, a tab, and all its prefixes as six hexadecimal digits.
//
//go:embed oui.gz
var ouiTable []byte

// Vendor returns who made a network interface, by the first three bytes of its
// hardware address. It is empty for an unknown maker and for an address that a
// program made up (the locally administered ones). It unpacks the table on
// every call, some 10 ms: a run asks once.
func Vendor(mac string) string {
	mac = routes.NormalMAC(mac)
	if mac == "" || strings.ContainsRune("2367abef", rune(mac[1])) {
		return ""
	}
	prefix := mac[0:2] + mac[3:5] + mac[6:8]
	z, err := gzip.NewReader(bytes.NewReader(ouiTable))
	if err != nil {
		return ""
	}
	s := bufio.NewScanner(z)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		name, list, _ := strings.Cut(s.Text(), "\t")
		for len(list) >= 6 {
			if list[:6] == prefix {
				return vendorAlias(name)
			}
			list = list[6:]
		}
	}
	return ""
}

// vendorAlias turns the names that no customer has ever heard into those that
// stand on the box.
func vendorAlias(name string) string {
	switch name {
	case "Routerboard.com", "Mikrotikls SIA":
		return "MikroTik"
	case "AVM Audiovisuelles Marketing und Computersysteme GmbH", "AVM GmbH":
		return "AVM"
	case "Cisco-Linksys, LLC", "The Linksys Group, Inc.", "Linksys USA, Inc":
		return "Linksys"
	}
	return name
}
