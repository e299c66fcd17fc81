package platform

// As finds what a Network can do beyond the interface: n itself, or the one that
// it wraps (a method Unwrap that returns a Network).
func As[T any](n Network) (T, bool) {
	for n != nil {
		if t, ok := n.(T); ok {
			return t, true
		}
		w, ok := n.(interface{ Unwrap() Network })
		if !ok {
			break
		}
		n = w.Unwrap()
	}
	var none T
	return none, false
}
