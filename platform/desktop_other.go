//go:build !windows

package platform

import "errors"

// OwnWindow reports whether the console window is this program's alone and closes with
// it: elsewhere than on Windows it is the shell's.
func OwnWindow() bool { return false }

// Display opens a file with the program that the desktop has for such files.
func Display(string) error { return errors.ErrUnsupported }

// DesktopLanguage is the language that the user set for the desktop, as in "ru-RU"; ""
// where the environment tells it.
func DesktopLanguage() string { return "" }
