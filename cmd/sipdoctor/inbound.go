package main

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// defaultRTPConf is where Asterisk keeps its media range on every system
	// with packages.
	defaultRTPConf = "/etc/asterisk/rtp.conf"
	// maxRTPConf bounds a configuration file that is read, bytes.
	maxRTPConf = 1 << 20
)

// addInbound reads the PBX's media range, where there is a PBX, and refuses a
// test from outside that could not be done.
func (o *checkOptions) addInbound(in *checks.Inputs, list []*checks.Check) error {
	conf, err := asterisk.ReadRTPConf(o.rtpConf, func(name string) ([]byte, error) { return platform.ReadSmallFile(name, maxRTPConf) })
	switch {
	case err == nil:
		in.RTPConf = conf
	case o.rtpConf != defaultRTPConf:
		return usage("say.bad-flag", words.Args{"flag": "--rtp-conf", "why": cause(err)})
	case o.inbound && !errors.Is(err, fs.ErrNotExist) && o.rtpRange == "":
		return usage("say.inbound-ports-unread", words.Args{"why": cause(err)})
	}
	if !o.inbound {
		return nil
	}
	in.Inbound = true
	switch {
	case o.responder == "":
		return usage("say.inbound-responder", nil)
	case !slices.ContainsFunc(list, func(c *checks.Check) bool { return c.ID == "rtp-ports" }):
		return usage("say.inbound-unused", nil)
	case in.RTPConf == nil && o.rtpRange == "":
		return usage("say.inbound-ports", words.Args{"file": o.rtpConf})
	}
	return nil
}
