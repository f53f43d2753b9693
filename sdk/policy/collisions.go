package policy

import (
	"fmt"
	"strings"
)

// Collisions returns an [*Error] for each policy whose keys can be those of one before
// it in the file: their prefixes are equal, or one is the other, a colon and more, since
// keys are joined with nothing escaped. On a shared Redis such policies count together,
// or, where their strategies keep different data, fail on each other's: a service that
// fails open then limits nothing. Policies that this server does not serve are left out.
func (f *File) Collisions() []error {
	var errs []error
	for _, c := range f.collisions() {
		errs = append(errs, &Error{File: f.Name, Line: c.Line, Column: c.Column, Field: limitersPath(c.Policy), Problem: c.Message})
	}
	return errs
}

func (f *File) collisions() []Finding {
	var found []Finding
	for i, p := range f.Policies {
		if p.Strategy == nil {
			continue
		}
		for _, before := range f.Policies[:i] {
			how := collide(before.Prefix, p.Prefix)
			if before.Strategy == nil || how == "" {
				continue
			}
			found = append(found, Finding{File: f.Name, Line: p.Line, Column: p.Column, Policy: p.Name, Severity: Fault,
				Message: fmt.Sprintf("its keys can be those of %s at line %d: %s; on a shared Redis they would count together or fail on each other's data, so want a prefix of its own for each",
					limitersPath(before.Name), before.Line, how)})
			break
		}
	}
	return found
}

// collide says how two prefixes can make the same key, or nothing when they cannot.
func collide(a, b string) string {
	switch {
	case a == b && a == "":
		return "both have an empty prefix"
	case a == b:
		return fmt.Sprintf("both have the prefix %s", clip(a))
	case a == "" || b == "":
		return "one has an empty prefix, which leaves its keys as clients send them"
	case strings.HasPrefix(b, a+":"):
		return fmt.Sprintf("the prefix %s is the prefix %s and more", clip(b), clip(a))
	case strings.HasPrefix(a, b+":"):
		return fmt.Sprintf("the prefix %s is the prefix %s and more", clip(a), clip(b))
	}
	return ""
}
