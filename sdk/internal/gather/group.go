package gather

// group is the calls that may share a trip, in the order in which they came. It exists
// as long as it has any. Groups are guarded by the queue's mutex.
type group[K comparable, O any] struct {
	key         K
	owner       O
	first, last *Call
	prev, next  *group[K, O] // in the order in which groups are served
}

func (g *group[K, O]) add(c *Call) {
	c.prev = g.last
	if g.last == nil {
		g.first = c
	} else {
		g.last.next = c
	}
	g.last = c
}

func (g *group[K, O]) remove(c *Call) {
	if c.prev == nil {
		g.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		g.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
}

// addGroup adds a group, whose turn comes last.
func (q *Queue[K, O]) addGroup(key K, owner O) *group[K, O] {
	g := q.spare
	if g == nil {
		g = new(group[K, O])
	}
	q.spare = nil
	g.key, g.owner = key, owner
	q.groups[key] = g
	q.append(g)
	return g
}

// removeGroup removes a group without calls.
func (q *Queue[K, O]) removeGroup(g *group[K, O]) {
	q.unlink(g)
	delete(q.groups, g.key)
	*g = group[K, O]{}
	q.spare = g
}

func (q *Queue[K, O]) append(g *group[K, O]) {
	g.prev = q.last
	if q.last == nil {
		q.first = g
	} else {
		q.last.next = g
	}
	q.last = g
}

func (q *Queue[K, O]) unlink(g *group[K, O]) {
	if g.prev == nil {
		q.first = g.next
	} else {
		g.prev.next = g.next
	}
	if g.next == nil {
		q.last = g.prev
	} else {
		g.next.prev = g.prev
	}
	g.prev, g.next = nil, nil
}
