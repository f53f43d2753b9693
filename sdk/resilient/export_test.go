package resilient

// Remembered is how many denials l remembers.
func Remembered(l *Limiter) (n int) {
	for i := range l.denials.shards {
		s := &l.denials.shards[i]
		s.mu.Lock()
		n += len(s.keys)
		s.mu.Unlock()
	}
	return n
}
