package gen

import (
	"errors"
	"fmt"
	"strings"
)

// problems gathers what is wrong with a contract, so that one run shows all of it.
type problems struct {
	errs    []string
	notices []string
}

// errorf notes something that stops the generation; where is a file, or a file and a
// script and a field.
func (p *problems) errorf(where, format string, args ...any) {
	p.errs = append(p.errs, where+": "+fmt.Sprintf(format, args...))
}

// noticef notes something that a reader should know and that stops nothing.
func (p *problems) noticef(where, format string, args ...any) {
	p.notices = append(p.notices, where+": "+fmt.Sprintf(format, args...))
}

func (p *problems) err() error {
	if len(p.errs) == 0 {
		return nil
	}
	return errors.New(strings.Join(p.errs, "\n"))
}
