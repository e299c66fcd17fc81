package netinfo

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/routes"
)

//go:generate go -C internal/ouigen run . ../../oui.gz /usr/share/ieee-data/mam.txt /usr/share/ieee-data/oui36.txt

// ouiTable is the IEEE's lists of hardware address makers (MA-L of 2025-10; MA-M and
// MA-S of 2022-08, from Debian's package ieee-data): gzip'd lines of a name and,
// after a tab each, its prefixes of six, seven and nine hexadecimal digits.
//
//go:embed oui.gz
var ouiTable []byte

// ouiDigits are the lengths of the prefixes, in the order of the columns.
var ouiDigits = [...]int{6, 7, 9}

// Vendor returns who made a network interface, by the first bytes of its hardware
// address, the longest prefix that is listed. It is empty for an unknown maker and
// for an address that a program made up (the locally administered ones). It unpacks
// the table on every call, some 10 ms: a run asks once.
func Vendor(mac string) string {
	mac = routes.NormalMAC(mac)
	if mac == "" || strings.ContainsRune("2367abef", rune(mac[1])) {
		return ""
	}
	mac = strings.ReplaceAll(mac, ":", "")
	z, err := gzip.NewReader(bytes.NewReader(ouiTable))
	if err != nil {
		return ""
	}
	s := bufio.NewScanner(z)
	s.Buffer(nil, 1<<20)
	vendor, length := "", 0
	for s.Scan() {
		name, lists, _ := strings.Cut(s.Text(), "\t")
		for _, n := range ouiDigits {
			var list string
			list, lists, _ = strings.Cut(lists, "\t")
			for ; n > length && len(list) >= n; list = list[n:] {
				if list[:n] == mac[:n] {
					vendor, length = vendorAlias(name), n
				}
			}
		}
	}
	return vendor
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
