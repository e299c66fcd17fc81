// Package live reads a MikroTik router that answers, and types commands into it, by
// whichever of the ways of platform/mikrotik it was reached.
package live

import "errors"

// ErrNoRouterOS says that what answers is no router of MikroTik.
var ErrNoRouterOS = errors.New("this is not RouterOS: it does not say which version it runs")
