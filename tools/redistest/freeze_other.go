//go:build !unix

package redistest

import "errors"

var errNoFreeze = errors.New("redistest: this system cannot stop a process and have it go on")

// Freeze always fails: the system has no way to stop a process and have it go on.
func (s *Server) Freeze() error { return errNoFreeze }

// Thaw always fails, as Freeze does.
func (s *Server) Thaw() error { return errNoFreeze }
