// Package routeros reads the configuration of a MikroTik router as the router
// itself would: an export is a script, and reading it means running it on a
// router of the version that its header names. What it runs on is a model, in
// which the same interpreter runs the commands that a person would type, and
// refuses those that a router refuses.
//
// Everything here is bytes in, model out. Names, comments and values in an export
// come from strangers.
package routeros
