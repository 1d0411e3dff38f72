package rehearse

import (
	"fmt"
	"strings"
)

const (
	// maxDiffLines bounds the texts that are compared by lines.
	maxDiffLines = 1000
	// context is how many equal lines are shown around a change.
	contextLines = 3
)

// edit is a line of a comparison: kept, taken away or added.
type edit struct {
	sign byte
	line string
}

// TextDiff tells how a text differs from the one wanted, as a unified diff;
// empty if they are equal.
func TextDiff(want, got string) string {
	if want == got {
		return ""
	}
	x, y := strings.Split(want, "\n"), strings.Split(got, "\n")
	if len(x) > maxDiffLines || len(y) > maxDiffLines {
		return fmt.Sprintf("- %s\n+ %s", Show(want), Show(got))
	}
	return "--- want\n+++ got\n" + hunks(edits(x, y))
}

// edits finds the shortest way from one list of lines to another.
func edits(x, y []string) []edit {
	// common[i][j] is the length of the longest common part of x[i:] and y[j:].
	common := make([][]int, len(x)+1)
	for i := range common {
		common[i] = make([]int, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var all []edit
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			all = append(all, edit{' ', x[i]})
			i, j = i+1, j+1
		case j == len(y) || i < len(x) && common[i+1][j] >= common[i][j+1]:
			all = append(all, edit{'-', x[i]})
			i++
		default:
			all = append(all, edit{'+', y[j]})
			j++
		}
	}
	return all
}

// hunks writes the changes with the lines around them.
func hunks(all []edit) string {
	near := make([]bool, len(all))
	for i := range all {
		if all[i].sign == ' ' {
			continue
		}
		for k := max(0, i-contextLines); k <= min(len(all)-1, i+contextLines); k++ {
			near[k] = true
		}
	}
	var b strings.Builder
	x, y := 1, 1
	for i := 0; i < len(all); {
		if !near[i] {
			x, y, i = x+1, y+1, i+1
			continue
		}
		end, fromX, fromY := i, 0, 0
		for end < len(all) && near[end] {
			if all[end].sign != '+' {
				fromX++
			}
			if all[end].sign != '-' {
				fromY++
			}
			end++
		}
		fmt.Fprintf(&b, "@@ -%d,%d +%d,%d @@\n", x, fromX, y, fromY)
		for ; i < end; i++ {
			fmt.Fprintf(&b, "%c%s\n", all[i].sign, all[i].line)
		}
		x, y = x+fromX, y+fromY
	}
	return strings.TrimSuffix(b.String(), "\n")
}
