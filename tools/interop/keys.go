package main

import (
	"context"
	"strings"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
)

// keyNames are prefixes and keys, and the Redis key that the contract makes of them.
var keyNames = []struct{ why, prefix, key, want string }{
	{"a prefix and a colon go before the key", "p", "k", "p:k"},
	{"without a prefix there is no colon either", "", "k", "k"},
	{"an empty key keeps its colon", "p", "", "p:"},
	{"nothing at all is a key, too", "", "", ""},
	{"a colon in the key is not escaped", "p", "a:b", "p:a:b"},
	{"nor is one in the prefix", "p:q", "k", "p:q:k"},
	{"nor a hash tag", "p", "{tag}k", "p:{tag}k"},
	{"a space and a line break are letters like others", "p q", "a b\r\nc", "p q:a b\r\nc"},
	{"text is UTF-8", "ключ", "鍵\u00a0🔑", "ключ:鍵\u00a0🔑"},
	{"composed and decomposed letters stay what they are", "p", "e\u0301\u00e9", "p:e\u0301\u00e9"},
	{"NUL ends nothing", "p", "a\x00b", "p:a\x00b"},
	{"length is not bounded", "p", strings.Repeat("k", 5000), "p:" + strings.Repeat("k", 5000)},
}

// nameKeys proves that both clients make the same Redis key of a prefix and a key: what
// one spends the other misses, and nothing else is in the Redis, which is ours alone.
func (s *session) nameKeys(ctx context.Context) (detail string, err error) {
	now, err := s.serverTime(ctx)
	if err != nil {
		return "", err
	}
	for _, definition := range strategy.All() {
		params, plan, err := roomy(definition, 10, now)
		if err != nil {
			return "", err
		}
		for _, row := range keyNames {
			limiter, err := redisdoor.New(s.pool, plan, redisdoor.WithPrefix(row.prefix))
			if err != nil {
				return "", err
			}
			before, err := redis.Int(s.do(ctx, "DBSIZE"))
			if err != nil {
				return "", err
			}
			said, err := theirClient{session: s, strategy: definition.Name, params: params, prefix: row.prefix}.check(ctx, row.key, 1, 0)
			if err != nil {
				return "", err
			}
			d, err := limiter.Check(ctx, row.key)
			if err != nil {
				return "", err
			}
			after, err := redis.Int(s.do(ctx, "DBSIZE"))
			if err != nil {
				return "", err
			}
			exists, err := redis.Int(s.do(ctx, "DEL", row.want))
			if err != nil {
				return "", err
			}
			s.check(said.Decision.remaining == 9 && d.Remaining == 8, "%s: %s: theirs leaves %d and ours %d, want 9 and 8",
				definition.Name, row.why, said.Decision.remaining, d.Remaining)
			s.check(exists == 1 && after-before == 1, "%s: %s: the key %.50q exists %d times among %d new keys, want 1 of 1",
				definition.Name, row.why, row.want, exists, after-before)
		}
	}
	return "", nil
}
