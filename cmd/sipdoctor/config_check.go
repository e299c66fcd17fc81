package main

import (
	"io"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// typedOnly are the flags that decide what one run does: a file that sets them would
// change machines, or take away what a command is for, without anybody having asked.
func typedOnly() []string {
	return []string{"apply", "undo", "yes", "only", "again", "config", "help", "version"}
}

// elsewhere reports whether a setting is one of the flags of a login to another
// machine where they do not belong: for all commands they would get in the way of every
// look at this one, and for fix and router decide where something is changed.
func (s setting) elsewhere() bool {
	login := slices.Contains([]string{"on", "identity", "host-key", "password-file"}, s.flag)
	return login && (s.command == "" || s.command == "fix") || s.flag == "on" && s.command == "router"
}

// secretKeys are what people call a password, which is in no file that gets copied,
// shown and asked about.
func secretKeys() []string {
	return []string{"password", "passwd", "pass", "pwd", "secret", "token", "key"}
}

// check refuses what no command understands, by trying every flag on a command tree
// of its own.
func (c *settings) check() error {
	root, _ := newRootCommand(streams{Out: io.Discard, Err: io.Discard, config: &settings{}})
	ends := append([]*cobra.Command{root}, root.Commands()...)
	// Those of all commands stand first for whoever reads the list backwards.
	slices.SortStableFunc(c.list, func(a, b setting) int { return min(1, len(a.command)) - min(1, len(b.command)) })
	for _, s := range c.list {
		if why := s.wrong(ends); why.ID != "" {
			return c.refuse(s.line, why)
		}
	}
	return nil
}

// wrong says what is wrong with a setting, if anything is.
func (s setting) wrong(commands []*cobra.Command) words.Text {
	key := words.Raw(s.flag)
	switch {
	case slices.Contains(secretKeys(), s.flag):
		return words.Say("say.config-secret", words.Args{"key": key, "variable": passwordVar})
	case slices.Contains(typedOnly(), s.flag):
		return words.Say("say.config-typed", words.Args{"flag": s.flag})
	case s.elsewhere():
		return words.Say("say.config-elsewhere", words.Args{"flag": s.flag})
	}
	var known []string
	found, named := false, s.command == ""
	for _, cmd := range commands { // the program's own flags first
		if s.command != "" && cmd.Name() != s.command {
			continue
		}
		named = true
		flags := cmd.LocalFlags()
		flags.VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if f := flags.Lookup(s.flag); f != nil {
			found = true
			if why := s.tried(f); why.ID != "" {
				return why
			}
		}
	}
	names := namesOf(commands[1:], (*cobra.Command).Name)
	switch {
	case !named:
		return words.Say("say.config-command", words.Args{"key": words.Raw(s.command), "near": didYouMean(s.command, names)})
	case found || s.flag == "":
		return words.Text{}
	case s.command != "":
		return words.Say("say.config-flag-of", words.Args{"key": key, "command": s.command, "near": didYouMean(s.flag, known)})
	case slices.Contains(names, s.flag):
		return words.Say("say.config-no-flags", nil)
	}
	return words.Say("say.config-flag", words.Args{"key": key, "near": didYouMean(s.flag, append(known, names...))})
}

// tried sets a flag that nothing reads.
func (s setting) tried(f *pflag.Flag) words.Text {
	_, many := f.Value.(pflag.SliceValue)
	kind := f.Value.Type()
	switch {
	case s.tag == "" && !many:
		return words.Say("say.config-one", words.Args{"flag": f.Name})
	case (s.tag == "!!bool") != (kind == "bool") && s.tag != "":
		return words.Say("say.config-type", words.Args{"flag": f.Name, "type": kind})
	}
	for _, v := range s.values {
		if f.Value.Set(v) != nil {
			return words.Say("say.config-type", words.Args{"flag": f.Name, "type": kind})
		}
	}
	return words.Text{}
}
