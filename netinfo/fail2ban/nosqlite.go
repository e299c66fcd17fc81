//go:build mips || mipsle || mips64 || mips64le

package fail2ban

import (
	"context"
	"errors"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/platform"
)

var errNoSQLite = errors.New("the database of fail2ban cannot be read on this processor")

// readDatabase says that it cannot: the SQLite library is not made for these
// processors, which are those of routers, not of PBXs.
func readDatabase(context.Context, platform.System, string, []netip.Prefix, int64) (banRows, error) {
	return banRows{}, errNoSQLite
}
