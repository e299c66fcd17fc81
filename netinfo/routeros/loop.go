package routeros

import "strings"

func (r *interpreter) runForeach(c *command) error {
	in, err := r.eval(c.named("in"), nil)
	if err != nil {
		return err
	}
	if in.kind == unknown {
		return errDepends
	}
	elements := in.list
	if in.kind == text && in.text != "" || in.kind == number {
		elements = []value{in}
	}
	name, err := r.eval(c.plain(0), nil)
	if err != nil {
		return err
	}
	for i, e := range elements {
		key := numberOf(int64(i))
		if e.key != "" {
			key = textOf(e.key)
		}
		e.key = ""
		vars := map[string]value{name.String(): e}
		if k, v, two := strings.Cut(name.String(), ","); two {
			vars = map[string]value{k: key, v: e}
		}
		if err := r.round(vars, c.named("do")); err != nil {
			return err
		}
	}
	return nil
}

// round is one round of a loop.
func (r *interpreter) round(vars map[string]value, do *node) error {
	if err := r.spend(10); err != nil {
		return err
	}
	r.scopes = append(r.scopes, vars)
	defer func() { r.scopes = r.scopes[:len(r.scopes)-1] }()
	_, err := r.runBlock(do)
	return err
}

func (r *interpreter) runFor(c *command) error {
	name, err := r.eval(c.plain(0), nil)
	if err != nil {
		return err
	}
	var bounds [3]int64
	for i, bound := range []string{"from", "to", "step"} {
		v, err := r.eval(c.named(bound), nil)
		if err != nil {
			return err
		}
		n, known := numberIn(v)
		if !known {
			return errDepends
		}
		bounds[i] = n
	}
	from, to, step := bounds[0], bounds[1], bounds[2]
	if step == 0 {
		step = 1
		if to < from {
			step = -1
		}
	}
	for i := from; step > 0 && i <= to || step < 0 && i >= to; i += step {
		if err := r.round(map[string]value{name.String(): numberOf(i)}, c.named("do")); err != nil {
			return err
		}
	}
	return nil
}

func (r *interpreter) runWhile(cond, do *node) error {
	for {
		v, err := r.eval(cond, nil)
		if err != nil {
			return err
		}
		is, known := v.isTrue()
		if !known {
			return errDepends
		}
		if !is {
			return nil
		}
		if err := r.round(nil, do); err != nil {
			return err
		}
	}
}
