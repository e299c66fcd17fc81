package routeros

import "errors"

// runGlobal runs a command of the language itself.
func (r *interpreter) runGlobal(c *command) (value, error) {
	switch c.verb.text {
	case "local", "global":
		return value{}, r.declare(c)
	case "set":
		name, err := r.eval(c.plain(0), nil)
		if err != nil {
			return value{}, err
		}
		v, err := r.eval(c.plain(1), nil)
		if err == nil {
			r.assign(name.String(), v)
		}
		return value{}, err
	case "if":
		return r.runIf(c)
	case "foreach":
		return value{}, r.runForeach(c)
	case "for":
		return value{}, r.runFor(c)
	case "while":
		return value{}, r.runWhile(c.plain(0), c.named("do"))
	case "do":
		return r.runDo(c)
	case "onerror":
		return r.runOnError(c)
	case "log", "delay", "beep", "nothing", "environment":
		return value{}, nil
	case "error", "return":
		return r.runStop(c)
	case "put":
		v, err := r.eval(c.plain(0), nil)
		if err == nil && r.typed {
			r.out.WriteString(v.join(";") + "\n")
		}
		return v, err
	}
	return r.runFunction(c)
}

// declare does :local and :global, which keep a variable that is only named.
func (r *interpreter) declare(c *command) error {
	name, err := r.eval(c.plain(0), nil)
	if err != nil {
		return err
	}
	v := value{}
	if len(c.args) > 1 {
		if v, err = r.eval(c.args[1].value, nil); err != nil {
			return err
		}
	}
	into := r.scopes[len(r.scopes)-1]
	if c.verb.text == "global" {
		into = r.globals
		if old, ok := into[name.String()]; ok && len(c.args) == 1 {
			v = old
		} else if !ok && len(c.args) == 1 && !r.typed {
			v = value{kind: unknown}
		}
	}
	into[name.String()] = v
	return nil
}

// runBlock runs what stands after do= or else=.
func (r *interpreter) runBlock(n *node) (value, error) {
	if n == nil || n.op != opBlock {
		return value{}, nil
	}
	return r.runAll(n.commands)
}

func (r *interpreter) runIf(c *command) (value, error) {
	v, err := r.eval(c.plain(0), nil)
	if err != nil {
		return value{}, err
	}
	is, known := v.isTrue()
	switch {
	case !known:
		return value{}, errDepends
	case is:
		return r.runBlock(c.named("do"))
	}
	return r.runBlock(c.named("else"))
}

// runDo does :do { } on-error={ } and :do { } while=( ).
func (r *interpreter) runDo(c *command) (value, error) {
	body := c.plain(0)
	if body == nil {
		body = c.named("do")
	}
	v, err := r.runBlock(body)
	if other := c.named("on-error"); err != nil && other != nil {
		if _, caught := refusalIn(err); caught {
			return r.runBlock(other)
		}
		return v, err
	}
	if cond := c.named("while"); err == nil && cond != nil {
		return value{}, r.runWhile(cond, body)
	}
	return v, err
}

// refusalIn is what :error said or a router answers; ok is false if err is another
// reason to stop, which no script catches.
func refusalIn(err error) (text string, ok bool) {
	if s, ended := isStop(err); ended && s.err != nil {
		err = s.err
	}
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok {
		return "", false
	}
	return refusal.Error(), true
}

// runOnError does :onerror NAME { } do={ }, of version 7.
func (r *interpreter) runOnError(c *command) (value, error) {
	v, err := r.runBlock(c.plain(1))
	text, caught := refusalIn(err)
	if !caught {
		return v, err
	}
	name, err := r.eval(c.plain(0), nil)
	if err != nil {
		return value{}, err
	}
	return value{}, r.round(map[string]value{name.String(): textOf(text)}, c.named("do"))
}

func (r *interpreter) runStop(c *command) (value, error) {
	v, err := r.eval(c.plain(0), nil)
	if err != nil {
		return value{}, err
	}
	s := &stopped{value: v}
	if c.verb.text == "error" {
		s.err = says("%s", v.String())
	}
	return value{}, s
}
