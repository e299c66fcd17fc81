package main

import "fmt"

// didYouMean words the nearest known name as the end of an error, or nothing.
func didYouMean(typed string, known []string) string {
	if near := closest(typed, known); near != "" {
		return fmt.Sprintf(", did you mean %q", near)
	}
	return ""
}

// closest returns the known name nearest to what was typed, or "" when none is
// near. Two slips in a word, or a third of a long one, still count as near:
// the distance that cobra uses for commands is 2.
func closest(typed string, known []string) string {
	best, limit := "", max(2, len(typed)/3)
	for _, k := range known {
		if d := editDistance(typed, k); d <= limit {
			best, limit = k, d-1
		}
	}
	return best
}

// editDistance is Levenshtein's distance in bytes: names are ASCII.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j+1]+1, row[j]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
