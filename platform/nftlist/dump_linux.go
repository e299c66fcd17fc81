package nftlist

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// families are the kernel's numbers for the families that are listed here.
var families = map[string]uint8{"inet": unix.NFPROTO_INET, "ip": unix.NFPROTO_IPV4, "ip6": unix.NFPROTO_IPV6}

// dump asks nftables for all of a kind and hands over the attributes of each
// that came. Attributes may narrow the question.
func (t *table) dump(message int, ask []*nl.RtAttr, each func(attributes) error) error {
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|message, unix.NLM_F_DUMP)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: t.number, Version: nl.NFNETLINK_V0})
	for _, a := range ask {
		req.AddData(a)
	}
	var failed error
	err := req.ExecuteIter(unix.NETLINK_NETFILTER, 0, func(m []byte) bool {
		if failed = t.ctx.Err(); failed == nil {
			failed = errDamaged
			if len(m) >= nl.SizeofNfgenmsg {
				failed = each(m[nl.SizeofNfgenmsg:])
			}
		}
		return failed == nil
	})
	if err = errors.Join(failed, err); err != nil {
		return fmt.Errorf("asking nftables: %w", err)
	}
	return nil
}

// rulesOf dumps the rules of a chain. For each 32 KiB of its answer the kernel
// goes through what it was asked for from the beginning: chain by chain that is
// far less than the whole table.
func (t *table) rulesOf(chain string, each func([]attributes) error) error {
	ask := nl.NewRtAttr(unix.NFTA_RULE_CHAIN, nl.ZeroTerminated(chain))
	return t.ours(unix.NFT_MSG_GETRULE, unix.NFTA_RULE_USERDATA, func(in []attributes) error {
		if !in[unix.NFTA_RULE_CHAIN].is(chain) {
			return nil // of a kernel that answers with all
		}
		return each(in)
	}, ask)
}

// ours dumps what has the name of its table in its first attribute, as far as
// it is of this table. more narrows the question.
func (t *table) ours(message, attrs int, each func([]attributes) error, more ...*nl.RtAttr) error {
	in := make([]attributes, attrs+1)
	ask := append([]*nl.RtAttr{nl.NewRtAttr(1, nl.ZeroTerminated(t.name))}, more...)
	return t.dump(message, ask, func(a attributes) error {
		clear(in)
		if !a.fill(in) {
			return errDamaged
		}
		if !in[1].is(t.name) {
			return nil
		}
		return each(in)
	})
}

// plain reports whether there is nothing about the table that its listing would
// have to say besides chains, rules and sets.
func (t *table) plain() error {
	const flags, userdata = 2, 6 // NFTA_TABLE_FLAGS, NFTA_TABLE_USERDATA
	found := false
	err := t.ours(unix.NFT_MSG_GETTABLE, userdata, func(in []attributes) error {
		found, t.handle = true, in[4].long() // NFTA_TABLE_HANDLE
		if in[flags].number() != 0 || in[userdata] != nil {
			return errUnknown
		}
		return nil
	})
	if err == nil && !found {
		err = fs.ErrNotExist
	}
	for _, message := range []int{unix.NFT_MSG_GETOBJ, unix.NFT_MSG_GETFLOWTABLE} {
		if err == nil {
			err = t.ours(message, 1, func([]attributes) error { return errUnknown })
		}
	}
	return err
}
