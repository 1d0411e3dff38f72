package expr

import "slices"

// Suggest returns the candidate that name is most likely a misspelling of,
// or "" if none is near.
func Suggest(name string, candidates []string) string {
	best, least := "", len(name)/3+2
	for _, c := range candidates {
		if d := distance(name, c); d < least && d < max(len(c), 2) && d < len(name) {
			best, least = c, d
		}
	}
	return best
}

// near reports whether a name differs from one of the candidates by a slip of
// the keyboard only, so that it is hardly a name of its own.
func near(name string, candidates []string) bool {
	slips := 0
	if len(name) > 4 {
		slips = (len(name) + 1) / 6 // 1, from 11 letters on 2
	}
	return slices.ContainsFunc(candidates, func(c string) bool { return distance(name, c) <= slips })
}

// didYouMean is Suggest as a hint.
func didYouMean(name string, candidates []string) string {
	if s := Suggest(name, candidates); s != "" {
		return `did you mean "` + s + `"?`
	}
	return ""
}

// distance is the Damerau-Levenshtein distance (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
