// Package platform is the only place that calls the operating system: sockets,
// interfaces, routes, packet filters, programs. What it returns is facts with
// the system's dialect removed.
package platform

import "errors"

// ErrPrivilege means that the answer exists but this user may not read it. The
// runner turns it into a skip that names what root would add.
var ErrPrivilege = errors.New("needs administrator rights")
