package main

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// settings are the flags of a configuration file: they need not be typed, and what is
// typed wins.
type settings struct {
	file    string    // "" without one
	list    []setting // those of every command first
	applied []string  // flags that apply has set
	mistake error     // for the first command that works to tell: help and version do without
}

// setting is one flag.
type setting struct {
	command string // "" stands for every command that has the flag
	flag    string // "" is the line that names the command
	values  []string
	tag     string // YAML's, of a single value; "" of a list
	line    int
}

// noConfig is the name of no file at all.
const noConfig = "none"

// configure reads the configuration file that a command line names, or else the one
// that is there. It is needed before the flags are read, as it may set the language.
func (s streams) configure(args []string) *settings {
	file := flagIn(args, "--config")
	if file == "" {
		file = s.Config
	}
	if file == "" || file == noConfig {
		return &settings{}
	}
	c := &settings{file: file}
	b, err := platform.ReadConfig(file)
	if err != nil {
		c.mistake = usage("say.config-reading", words.Args{"file": file, "variable": platform.ConfigVar, "why": cause(err)})
		return c
	}
	if c.mistake = c.parse(b); c.mistake == nil {
		c.mistake = c.check()
	}
	return c
}

// refuse is a mistake in the file.
func (c *settings) refuse(line int, why words.Text) error {
	return usage("say.config-mistake", words.Args{"file": c.file, "line": line, "why": why})
}

// parse reads the file into the list.
func (c *settings) parse(b []byte) error {
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(b))
	err := d.Decode(&doc)
	if errors.Is(err, io.EOF) { // nothing but comments
		return nil
	}
	if err == nil && !errors.Is(d.Decode(new(yaml.Node)), io.EOF) {
		err = errors.New("there must be one YAML document and nothing after it")
	}
	if err != nil {
		return usage("say.config-reading", words.Args{"file": c.file, "variable": platform.ConfigVar, "why": cause(err)})
	}
	top := doc.Content[0]
	if top.Tag == "!!null" {
		return nil
	}
	return c.section("", top)
}

// section reads the flags of all commands, or of one.
func (c *settings) section(command string, n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return c.refuse(n.Line, words.Say("say.config-no-flags", nil))
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		var err error
		switch {
		case key.Kind != yaml.ScalarNode || key.Value == "":
			err = c.refuse(key.Line, words.Say("say.config-no-flags", nil))
		case slices.ContainsFunc(c.list, func(s setting) bool { return s.command == command && s.flag == key.Value }):
			err = c.refuse(key.Line, words.Say("say.config-twice", words.Args{"key": words.Raw(key.Value)}))
		case command == "" && value.Kind == yaml.MappingNode:
			c.list = append(c.list, setting{command: key.Value, line: key.Line})
			err = c.section(key.Value, value)
		default:
			err = c.add(setting{command: command, flag: key.Value, line: key.Line}, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add takes a flag with its value or list of values.
func (c *settings) add(s setting, value *yaml.Node) error {
	list := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		list = value.Content
	} else {
		s.tag = value.ShortTag()
	}
	for _, v := range list {
		if v.Kind != yaml.ScalarNode || v.Tag == "!!null" {
			return c.refuse(v.Line, words.Say("say.config-no-value", words.Args{"key": words.Raw(s.flag)}))
		}
		s.values = append(s.values, v.Value)
	}
	c.list = append(c.list, s)
	return nil
}

// apply sets the flags of a command that were not typed. --again repeats the last run,
// which had its own: then only how the report is shown comes from the file.
func (c *settings) apply(cmd *cobra.Command) error {
	if name := cmd.Name(); slices.Contains([]string{"help", "version", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, name) || cmd.Parent() != nil && cmd.Parent().Name() == "completion" {
		return nil
	}
	if c.mistake != nil {
		return c.mistake
	}
	again := cmd.Flags().Changed("again")
	for _, s := range c.of(cmd) {
		f := cmd.Flags().Lookup(s.flag)
		if f == nil || f.Changed || again && !slices.Contains(aboutTheReport(), s.flag) {
			continue
		}
		c.applied = append(c.applied, s.flag)
		for _, v := range s.values {
			if err := cmd.Flags().Set(s.flag, v); err != nil {
				return c.refuse(s.line, words.Say("say.cause", words.Args{"why": cause(err)})) // check has tried it
			}
		}
	}
	return nil
}

// of are the settings of a command: its own, and those of all commands that it does not
// set for itself.
func (c *settings) of(cmd *cobra.Command) (out []setting) {
	for _, s := range slices.Backward(c.list) {
		mine := s.command == "" || strings.HasPrefix(cmd.CommandPath()+" ", "sipdoctor "+s.command+" ")
		if mine && !slices.ContainsFunc(out, func(o setting) bool { return o.flag == s.flag }) {
			out = append(out, s)
		}
	}
	return out
}

// value is what the file sets for a command, "" where it sets nothing.
func (c *settings) value(cmd *cobra.Command, flag string) string {
	for _, s := range c.of(cmd) {
		if s.flag == flag && len(s.values) > 0 {
			return s.values[0]
		}
	}
	return ""
}

// language is the one that the file sets for all commands, if it does. A value that is
// none is for the flag to refuse.
func (c *settings) language(otherwise words.Lang) words.Lang {
	for _, s := range c.list {
		if s.command == "" && s.flag == "lang" && len(s.values) > 0 && slices.Contains(languages(), s.values[0]) {
			return words.Lang(s.values[0])
		}
	}
	return otherwise
}

// only are the settings of these flags.
func (c *settings) only(flags ...string) *settings {
	out := *c
	out.applied, out.list = nil, slices.DeleteFunc(slices.Clone(c.list), func(s setting) bool { return !slices.Contains(flags, s.flag) })
	return &out
}

// behind names the setting that a refused command line is about, as whoever typed it
// may not think of the file.
func (c *settings) behind(cmd *cobra.Command, message string) (words.Text, bool) {
	typed := strings.FieldsFunc(message, func(r rune) bool { return strings.ContainsRune(" ,;:=.()«»\"", r) })
	for _, s := range c.of(cmd) {
		if slices.Contains(c.applied, s.flag) && slices.Contains(typed, "--"+s.flag) {
			return words.Say("say.config-behind", words.Args{"flag": s.flag, "file": c.file, "line": s.line}), true
		}
	}
	return words.Text{}, false
}
