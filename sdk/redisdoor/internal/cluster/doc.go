// Package cluster finds the node of a Redis Cluster that serves a key.
//
// A [Map] knows which node owns which slot. It learns that from the cluster itself, by
// CLUSTER SLOTS: when the first key is looked for, and again whenever something says
// that it is out of date, which is a redirection, a node that cannot be reached and a
// connection that broke. It is learned by one goroutine at a time, from one node after
// the other until one answers, and not twice within a tenth of a second.
//
// A [Course] is the way of what is asked about one slot. It begins at the owner and
// turns where the cluster says so: MOVED, ASK and TRYAGAIN all say that nothing ran.
package cluster
