//go:build unix

package redistest

import "syscall"

// Freeze stops the process where it stands; its connections stay open and silent.
func (s *Server) Freeze() error { return s.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (s *Server) Thaw() error { return s.Signal(syscall.SIGCONT) }
