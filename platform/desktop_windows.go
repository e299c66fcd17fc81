package platform

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// OwnWindow reports whether the console window is this program's alone and closes with
// it, as after a double click: no shell is attached to it
// (learn.microsoft.com/windows/console/getconsoleprocesslist).
func OwnWindow() bool {
	var list [2]uint32
	attached, _, _ := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetConsoleProcessList").Call(uintptr(unsafe.Pointer(&list[0])), uintptr(len(list)))
	return attached == 1
}

// Display opens a file with the program that the desktop has for such files.
func Display(file string) error {
	verb, err := windows.UTF16PtrFromString("open")
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(file)
	if err != nil {
		return err
	}
	return windows.ShellExecute(0, verb, name, nil, nil, windows.SW_SHOWNORMAL)
}

// DesktopLanguage is the language that the user set for the desktop, as in "ru-RU"; ""
// where Windows does not tell.
func DesktopLanguage() string {
	list, err := windows.GetUserPreferredUILanguages(windows.MUI_LANGUAGE_NAME)
	if err != nil || len(list) == 0 {
		return ""
	}
	return list[0]
}
