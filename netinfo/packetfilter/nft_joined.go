package packetfilter

// nft 1.0.6 joins "udp sport != 1 udp dport != 2" into one comparison of both
// ports, which holds for all packets but those of port 1 to port 2, and lists it
// as the two comparisons that other versions make. So a packet of which one
// comparison holds may match or not.
var joinedFields = map[Field]Field{FieldSrcPort: FieldDstPort, FieldICMPType: FieldICMPCode}

// unjoin takes a way with such a pair apart, and leaves others as they are; text
// is the rule.
func unjoin(way []Expr, text string) [][]Expr {
	for i, x := range way {
		first, ok := x.(*Match)
		if !ok || !first.otherThanOne() || joinedFields[first.Field] == FieldNone {
			continue
		}
		j := i + 1
		if j < len(way) && isProtocol(way[j]) {
			j++
		}
		if j == len(way) {
			return [][]Expr{way}
		}
		second, ok := way[j].(*Match)
		if !ok || !second.otherThanOne() || second.Field != joinedFields[first.Field] {
			continue
		}
		is, isToo := *first, *second
		is.Not, isToo.Not = false, false
		head, rest := way[:i:i], way[j+1:]
		with := func(list ...Expr) []Expr { return append(append(head, list...), rest...) }
		maybe := &Unknown{What: text, Key: text}
		return [][]Expr{with(first, second), with(&is, second, maybe), with(first, &isToo, maybe)}
	}
	return [][]Expr{way}
}

// otherThanOne reports whether m asks for any number but one.
func (m *Match) otherThanOne() bool {
	return m.Not && m.Mask == 0 && len(m.Nums) == 1 && m.Nums[0].Lo == m.Nums[0].Hi
}

func isProtocol(x Expr) bool {
	m, ok := x.(*Match)
	return ok && m.Field == FieldProtocol
}
