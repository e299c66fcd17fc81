package platform

import (
	"context"
	"slices"

	"github.com/sipdoctor/sipdoctor/platform/nftlist"
)

// longFrom is from how many rules on a listing is read from the kernel: the
// programs take some 50 ms for that many.
const longFrom = 1000

// longListing answers in a program's stead, in its words, where it would list
// very many rules of nftables: "nft -a -j list table FAMILY NAME" and
// "iptables-nft-save -c". Nil: the program is to be asked.
func longListing(ctx context.Context, program string, args []string, run func(context.Context, string, ...string) ([]byte, error)) []byte {
	list := longReader(program, args, run)
	if list == nil {
		return nil
	}
	before, known := filterGeneration()
	out, err := list(ctx)
	if after, _ := filterGeneration(); err != nil || !known || before != after {
		return nil
	}
	return out
}

func longReader(program string, args []string, run func(context.Context, string, ...string) ([]byte, error)) func(context.Context) ([]byte, error) {
	least := longFrom
	_, err := findProgram(program)
	asking := func(program string) nftlist.Program {
		return func(ctx context.Context, args ...string) ([]byte, error) { return run(ctx, program, args...) }
	}
	switch {
	case program == "nft" && len(args) == 6 && slices.Equal(args[:4], []string{"-a", "-j", "list", "table"}):
		if err != nil {
			least = 0 // what is not known remains unread, as it would without this
		}
		return func(ctx context.Context) ([]byte, error) {
			return nftlist.Table(ctx, args[4], args[5], least, asking("nft"))
		}
	case err != nil || !slices.Equal(args, []string{"-c"}):
		return nil
	case program == "iptables-nft-save":
		return func(ctx context.Context) ([]byte, error) {
			return nftlist.Save(ctx, false, least, asking("iptables-nft"))
		}
	case program == "ip6tables-nft-save":
		return func(ctx context.Context) ([]byte, error) {
			return nftlist.Save(ctx, true, least, asking("ip6tables-nft"))
		}
	}
	return nil
}
