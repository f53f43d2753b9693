package main

import (
	"fmt"
	"io"
	"os"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

const tableHead = "try  door     allowed  remaining  retry after  reset (UTC)\n"

// tableRow is one line under tableHead. Colour goes around a padded cell, since a
// terminal's codes have a length but no width.
func tableRow(try int, door string, d throttlekit.Decision, colour bool) string {
	allowed, code := "yes", "32"
	if !d.Allowed {
		allowed, code = "no", "31"
	}
	allowed = fmt.Sprintf("%-7s", allowed)
	if colour {
		allowed = "\x1b[" + code + "m" + allowed + "\x1b[0m"
	}
	retry := "-"
	if d.RetryAfter > 0 {
		retry = d.RetryAfter.String()
	}
	return fmt.Sprintf("%3d  %-7s  %s  %9d  %11s  %s\n",
		try, door, allowed, d.Remaining, retry, d.ResetAt.Format(time.TimeOnly+".000"))
}

// isTerminal reports whether somebody may be watching w who likes colour.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
