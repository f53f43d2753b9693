package gather

// IdleFor is how long a worker stays, at least, when it has nothing to do.
const IdleFor = idleFor
