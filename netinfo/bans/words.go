package bans

import (
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// only is a list of one command.
func only(c command.Command) []command.Command { return []command.Command{c} }
