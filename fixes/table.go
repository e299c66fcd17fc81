package fixes

import "github.com/sipdoctor/sipdoctor/netinfo"

// A tableRow is how many connections a box holds as it is shipped. One that
// depends on the memory of the model has no row.
type tableRow struct {
	From   string `yaml:"from"`  // versions: from <= v < below
	Below  string `yaml:"below"` //
	Size   int    `yaml:"size"`
	Source string `yaml:"source"`
}

// ConnectionTable is how many connections the host's router holds, as far as
// its kind says that. ok is false for a router that is not recognised well
// enough, or whose size nobody knows: too large a guess does harm.
func ConnectionTable(host *netinfo.Host) (size int, ok bool) {
	if host == nil || host.Router == nil || host.Router.Confidence == "possible" {
		return 0, false
	}
	d := documentOf(catalogue(), host.Router.Platform)
	for _, t := range d.Connections {
		bounded := t.From != "" || t.Below != ""
		if r := (row{From: t.From, Below: t.Below}); r.fits(host.Router.Version) && (!bounded || leadingNumbers(host.Router.Version) != nil) {
			return t.Size, true
		}
	}
	return 0, false
}
