package bans

import (
	"bytes"
	"iter"
	"strings"
)

// numbered yields the lines of a text with their numbers from 1, without line
// ends.
func numbered(b []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range bytes.Lines(b) {
			number++
			if !yield(number, strings.TrimRight(string(line), "\r\n")) {
				return
			}
		}
	}
}

// yamlWhitelist yields the items under "ip:" and "cidr:" of a CrowdSec
// whitelist with their lines. Block lists and "[a, b]" are understood, which is
// all that whitelists use.
func yamlWhitelist(b []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		inside := false
		for number, line := range numbered(b) {
			text, _, _ := strings.Cut(strings.TrimSpace(line), " #")
			key, value, isKey := strings.Cut(text, ":")
			item, isItem := strings.CutPrefix(text, "- ")
			switch {
			case text == "" || strings.HasPrefix(text, "#"):
			case isItem && inside:
				if !yield(number, strings.Trim(strings.TrimSpace(item), `"'`)) {
					return
				}
			case isKey && !isItem:
				inside = key == "ip" || key == "cidr"
				for item := range strings.SplitSeq(strings.Trim(strings.TrimSpace(value), "[]"), ",") {
					if item = strings.Trim(strings.TrimSpace(item), `"'`); inside && item != "" && !yield(number, item) {
						return
					}
				}
			}
		}
	}
}
