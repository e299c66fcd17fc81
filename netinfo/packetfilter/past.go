package packetfilter

// past is a list from its newest entry back; nil is empty. Lists share what
// they begin with.
type past[T any] struct {
	before *past[T]
	entry  T
	length int
}

func (p *past[T]) with(entry T) *past[T] {
	return &past[T]{before: p, entry: entry, length: p.len() + 1}
}

func (p *past[T]) len() int {
	if p == nil {
		return 0
	}
	return p.length
}

// list is the entries, the oldest first.
func (p *past[T]) list() []T {
	if p == nil {
		return nil
	}
	list := make([]T, p.length)
	for ; p != nil; p = p.before {
		list[p.length-1] = p.entry
	}
	return list
}

// common is what two lists begin with.
func common[T any](a, b *past[T]) *past[T] {
	for a != b {
		m, n := a.len(), b.len()
		if m >= n {
			a = a.before
		}
		if n >= m {
			b = b.before
		}
	}
	return a
}
