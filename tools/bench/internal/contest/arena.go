package contest

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/process"
)

// Arena has the servers that the contenders talk to. The services start with the first
// contender that needs them.
type Arena struct {
	Redis *process.Redis

	dir         string
	pool        *redis.Pool
	admin       *redisdoor.Door
	echoCommand func() (*exec.Cmd, error)
	serve, echo *process.Server
}

// NewArena starts a Redis. The command of echoCommand runs [Echo].
func NewArena(ctx context.Context, echoCommand func() (*exec.Cmd, error)) (_ *Arena, err error) {
	a := &Arena{echoCommand: echoCommand}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return nil, err
	}
	if a.Redis, err = process.StartRedis(ctx); err != nil {
		return nil, err
	}
	if a.pool, err = redisdoor.Dial(a.Redis.URL()); err != nil {
		return nil, err
	}
	a.admin = redisdoor.Open(a.pool)
	return a, nil
}

// Close ends the servers.
func (a *Arena) Close() error {
	var errs []error
	if a.echo != nil {
		errs = append(errs, a.echo.Close())
	}
	if a.serve != nil {
		errs = append(errs, a.serve.Close())
	}
	if a.admin != nil {
		errs = append(errs, a.admin.Close(context.Background()), a.pool.Close())
	}
	if a.Redis != nil {
		errs = append(errs, a.Redis.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(a.dir))...)
}

// clear takes what the last contender left.
func (a *Arena) clear() error {
	_, err := a.Redis.Do("FLUSHALL", "SYNC")
	return err
}

// policyName is what the service knows the limit by.
const policyName = "bench"

// service returns the address of `throttlekit serve`.
func (a *Arena) service(ctx context.Context) (string, error) {
	if a.serve == nil {
		binary, err := process.Build(ctx, a.dir)
		if err != nil {
			return "", err
		}
		policies, err := policyFile()
		if err != nil {
			return "", err
		}
		if a.serve, err = process.StartServe(ctx, a.dir, binary, a.Redis.URL(), policies); err != nil {
			return "", err
		}
	}
	return a.serve.Address, nil
}

// bareEcho returns the address of a server that runs [Echo].
func (a *Arena) bareEcho(ctx context.Context) (string, error) {
	if a.echo == nil {
		cmd, err := a.echoCommand()
		if err != nil {
			return "", err
		}
		if a.echo, err = process.Serve(ctx, cmd); err != nil {
			return "", err
		}
	}
	return a.echo.Address, nil
}
