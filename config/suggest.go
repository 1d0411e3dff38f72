package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxListed is how many possible names a hint lists.
const maxListed = 12

// suggest makes a hint for a name that isn't known: the one probably meant, or
// else all there are, if they are few.
func suggest(name string, known []string) string {
	if best := nearest(name, known); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(known) == 0 || len(known) > maxListed {
		return ""
	}
	return "known here: " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
}

// Nearest returns the known name that a mistyped one stands for; empty if none
// is near.
func Nearest(name string, known []string) string { return nearest(name, known) }

// nearest returns the known name that a mistyped one stands for, or "".
func nearest(name string, known []string) string {
	best, bestDistance := "", 1+max(1, len(name)/3)
	lower := fold(name)
	for _, candidate := range known {
		d := distance(lower, fold(candidate))
		if d >= max(len(lower), 2) {
			continue // nothing of it would be left
		}
		if d < bestDistance || (d == bestDistance && best != "" && candidate < best) {
			best, bestDistance = candidate, d
		}
	}
	if best != "" || len(name) < 3 {
		return best
	}
	for _, candidate := range known {
		folded := fold(candidate)
		if strings.HasPrefix(folded, lower) || (len(candidate) >= 3 && strings.HasPrefix(lower, folded)) {
			if best == "" || candidate < best {
				best = candidate
			}
		}
	}
	return best
}

// fold makes names alike that differ in case or in the way words are joined.
func fold(s string) string {
	if len(s) > 100 {
		s = s[:100]
	}
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// distance is the least number of letters inserted, deleted, replaced, or
// swapped with their neighbour, that turn a into b (Damerau and Levenshtein,
// no letter touched twice).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := [3][]int{make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(x); i++ {
		before, last, row := rows[(i-1)%3], rows[i%3], rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return rows[(len(x)+1)%3][len(y)]
}
