package words

// longWord is more letters than any name has that people mistype.
const longWord = 64

// Distance is how many letters are to be changed, added, left out or swapped with
// the next to make b of a. Words that are too long to be a name are far from any.
func Distance(a, b string) int {
	ra, rb := []rune(a), []rune(b)
	if max(len(ra), len(rb)) > longWord {
		return max(len(ra), len(rb))
	}
	var before, last, now [longWord + 1]int
	for j := range len(rb) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(ra); i++ {
		now[0] = i
		for j := 1; j <= len(rb); j++ {
			cost := 1
			if ra[i-1] == rb[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && ra[i-1] == rb[j-2] && ra[i-2] == rb[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last = last, now
	}
	return last[len(rb)]
}
