package routeros

// A place is where something stands: the line from 1, the byte in it from 1.
// RouterOS counts columns in the same way.
type place struct{ line, col int }

// A word is a name in a command.
type word struct {
	place
	text string
}

// A command is one statement of the script language. Either it is global (:put),
// or it is a verb of a menu (/ip address add), or it only goes to a menu.
type command struct {
	place
	last     int // its last line
	global   bool
	absolute bool // the path begins with a slash
	up       int  // how many .. it begins with
	path     []word
	verb     word
	args     []arg
	cond     *node // of find, and after where
	filtered bool  // it has where, or is a find with a condition
	block    []*command
	isBlock  bool
}

// An arg is a value with or without a name; unset is !name, and a name without
// a value is a value.
type arg struct {
	place
	name  string
	value *node
	unset bool
}

// named is the value of an argument, nil if c has none.
func (c *command) named(name string) *node {
	for _, a := range c.args {
		if a.name == name {
			return a.value
		}
	}
	return nil
}

// plain is the nth argument without a name, from 0; nil if there are fewer.
func (c *command) plain(n int) *node {
	for _, a := range c.args {
		if a.name != "" {
			continue
		}
		if n == 0 {
			return a.value
		}
		n--
	}
	return nil
}

// op is what a node is.
type op string

// What is not a binary operator, which is itself.
const (
	opText  op = "text"  // a constant
	opName  op = "name"  // of a property, in a condition; elsewhere a text
	opVar   op = "var"   // $name
	opJoin  op = "join"  // the kids one after the other, as a text
	opSub   op = "sub"   // [commands]
	opList  op = "list"  // {1;2;3}
	opPair  op = "pair"  // name=value in a list
	opBlock op = "block" // do={commands}
	opNot   op = "!"
	opMinus op = "minus"
)

// A node is a value that is not yet computed.
type node struct {
	op       op
	text     string
	quoted   bool // text was in quotation marks, so it is never a number
	kids     []*node
	commands []*command
}

// isMenuVerb reports whether a word in a menu is a command there and not the name
// of a menu below.
func isMenuVerb(s string) bool {
	switch s {
	case "add", "set", "remove", "enable", "disable", "move", "comment", "unset", "print", "find", "get", "export", "edit",
		"reset", "reset-counters", "reset-counters-all", "monitor", "monitor-traffic", "make-static":
		return true
	}
	return false
}

// isGlobal reports whether a word is a command of the language though it has no
// colon before it, as people write in scripts.
func isGlobal(s string) bool {
	switch s {
	case "put", "if", "foreach", "for", "while", "do", "local", "global", "delay", "error", "return", "len", "pick", "tostr", "tonum",
		"toarray", "toip", "tobool", "typeof", "nothing":
		return true
	}
	return false
}
