package redisdoor

import (
	"context"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor/internal/cluster"
)

// visit has call make its commands, all of them about one key, over a connection to the
// Redis that has the key. In a cluster it calls again where it is sent elsewhere, which
// says that nothing ran. It turns what call returns into a fault.
func (d *Door) visit(ctx context.Context, op, key string, call func(redis.Conn) error) *throttlekit.Error {
	if d.cluster != nil {
		return d.visitNode(ctx, op, key, call)
	}
	conn, err := d.pool.GetContext(ctx)
	if err != nil {
		return connectFault(ctx, op, err)
	}
	defer conn.Close() // hands it back to the pool; a broken one reported itself already
	if err := call(conn); err != nil {
		dropDemoted(conn, err)
		return callFault(ctx, op, err)
	}
	return nil
}

func (d *Door) visitNode(ctx context.Context, op, key string, call func(redis.Conn) error) *throttlekit.Error {
	course, err := d.cluster.Course(ctx, cluster.Slot(key))
	if err != nil {
		return connectFault(ctx, op, err)
	}
	for turn := 1; ; turn++ {
		conn, err := course.Node.Get(ctx)
		if err != nil {
			if turn < cluster.MaxTurns && d.cluster.Unreached(ctx, &course) {
				continue
			}
			return connectFault(ctx, op, err)
		}
		way := conn
		if course.Asking {
			way = asking{conn}
		}
		err = call(way)
		d.doubt(course.Node, conn, err)
		_ = conn.Close() // hands it back to the pool; a broken one reported itself already
		switch {
		case err == nil:
			return nil
		case turn == cluster.MaxTurns || !d.cluster.Redirected(&course, err, false) || cluster.Pause(ctx, turn) != nil:
			return callFault(ctx, op, err)
		}
	}
}

// doubt has the cluster looked at if err says that something is wrong with a node.
func (d *Door) doubt(n *cluster.Node, conn redis.Conn, err error) {
	if conn.Err() != nil || isUnavailable(err) {
		dropDemoted(conn, err)
		d.cluster.Doubt(n)
	}
}

// asking is a connection to a node that is about to take over the slot: each command, or
// transaction, has to say that it knows.
type asking struct{ redis.Conn }

const cmdAsking = "ASKING"

func (c asking) Do(command string, args ...any) (any, error) {
	return c.DoContext(context.Background(), command, args...)
}

// DoContext implements [redis.ConnWithContext].
func (c asking) DoContext(ctx context.Context, command string, args ...any) (any, error) {
	if command != "EXEC" { // the MULTI before it has said so
		if err := c.Conn.Send(cmdAsking); err != nil {
			return nil, err
		}
	}
	return do(ctx, c.Conn, command, args)
}

// ReceiveContext implements [redis.ConnWithContext].
func (c asking) ReceiveContext(ctx context.Context) (any, error) {
	return redis.ReceiveContext(c.Conn, ctx)
}

func (c asking) Send(command string, args ...any) error {
	if command == "MULTI" {
		if err := c.Conn.Send(cmdAsking); err != nil {
			return err
		}
	}
	return c.Conn.Send(command, args...)
}
