package contest

import (
	"context"

	"github.com/redis/rueidis"
)

var rueidisContender = contender("rueidis",
	"Lua.Exec of the contract's check script; its defaults, which pipeline concurrent calls over four connections",
	openRueidis)

func openRueidis(_ context.Context, a *Arena, _ int) (*client, error) {
	limit, err := newContractual()
	if err != nil {
		return nil, err
	}
	rdb, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{a.Redis.Address}, ForceSingleClient: true})
	if err != nil {
		return nil, err
	}
	script := rueidis.NewLuaScript(limit.definition.Check.Source)
	return &client{
		check: func(ctx context.Context, key string) (bool, error) {
			reply, err := script.Exec(ctx, rdb, []string{key}, limit.texts).AsIntSlice()
			if err != nil {
				return false, err
			}
			return limit.admits(reply)
		},
		close: func() error {
			rdb.Close()
			return nil
		},
	}, nil
}
