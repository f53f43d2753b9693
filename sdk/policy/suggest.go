package policy

import "strings"

// nearest is the known name that was probably meant, or nothing when none is near.
func nearest(got string, known []string) string {
	best, distance := "", 1+max(1, min(len(got), longest)/3)
	for _, name := range known {
		if d := editDistance(strings.ToLower(got), strings.ToLower(name)); d < distance {
			best, distance = name, d
		}
	}
	return best
}

func oneOf(names []string) string { return "one of " + strings.Join(names, ", ") }

// editDistance counts the characters to insert, delete or replace.
func editDistance(from, to string) int {
	a, b := []rune(from), []rune(to)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
