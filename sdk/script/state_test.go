package script_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"unsafe"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

func redisConn(t *testing.T) redis.Conn {
	pool, err := redisdoor.Dial(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	conn := pool.Get()
	t.Cleanup(func() { conn.Close(); pool.Close() })
	return conn
}

// TestSortedSetIsRedis runs random commands on a sorted set here and in Redis: scores
// that go on, that step back and that repeat, members that are there already with
// another score.
func TestSortedSetIsRedis(t *testing.T) {
	conn := redisConn(t)
	for _, named := range []bool{false, true} {
		for seed := range uint64(40) {
			d := rand.New(rand.NewPCG(seed, 1))
			key := fmt.Sprintf("%s:%d:%d:%t", t.Name(), seed, rand.Uint64(), named) // another at every run
			var s script.State
			now := 1000.0
			for step := range 150 {
				switch d.IntN(8) {
				case 0:
					cut := now - float64(d.IntN(60))
					if _, err := conn.Do("ZREMRANGEBYSCORE", key, "-inf", script.Number(cut)); err != nil {
						t.Fatal(err)
					}
					if err := s.ZRemUpTo(cut); err != nil {
						t.Fatal(err)
					}
				case 1:
					now -= float64(d.IntN(40))
				case 2, 3:
					now += float64(d.IntN(20))
				default:
					a, b := float64(int(now)/(1+d.IntN(2)*7)), float64(d.IntN(6))
					name := fmt.Sprintf("%v-%v", a, b)
					if _, err := conn.Do("ZADD", key, script.Number(now), name); err != nil {
						t.Fatal(err)
					}
					m := script.Scored{Score: now, Member: script.Text{A: a, B: b}}
					if named {
						m = script.Scored{Score: now, Name: name}
					}
					if err := s.ZAdd(m); err != nil {
						t.Fatal(err)
					}
				}
				want, err := redis.Strings(conn.Do("ZRANGE", key, 0, -1, "WITHSCORES"))
				if err != nil {
					t.Fatal(err)
				}
				if got := s.ZCard(); got != float64(len(want)/2) {
					t.Fatalf("seed %d, step %d: %v members, Redis has %d", seed, step, got, len(want)/2)
				}
				if s.Empty() != (len(want) == 0) {
					t.Fatalf("seed %d, step %d: empty is %t with %d members", seed, step, s.Empty(), len(want)/2)
				}
				for i := 0; i < len(want); i += 2 {
					score, ok, err := s.ZScore(float64(i / 2))
					if back, _, _ := s.ZScore(float64((i - len(want)) / 2)); err != nil || !ok || script.Number(score) != want[i+1] || back != score {
						t.Fatalf("seed %d, step %d, rank %d: score %v, %t, %v, from the end %v, want %s", seed, step, i/2, score, ok, err, back, want[i+1])
					}
				}
			}
		}
	}
}

// TestHashIsRedis runs random commands on a hash with numbers for fields.
func TestHashIsRedis(t *testing.T) {
	conn := redisConn(t)
	key := fmt.Sprintf("%s:%d", t.Name(), rand.Uint64())
	d := rand.New(rand.NewPCG(7, 7))
	var s script.State
	fields := []float64{0, 1, 2, 17, 1 << 17, 1 << 40, 0.5, -3, math.Inf(1), math.NaN()}
	for range 2000 {
		field := fields[d.IntN(len(fields))]
		if d.IntN(2) == 0 {
			field = float64(d.IntN(300))
		}
		text := script.Write17(field)
		if d.IntN(2) == 0 {
			v := float64(d.IntN(100))
			if _, err := conn.Do("HSET", key, text, script.Number(v)); err != nil {
				t.Fatal(err)
			}
			s.HSet(field, script.Text{A: v})
		}
		want, err := redis.String(conn.Do("HGET", key, text))
		got, ok := s.HGet(field)
		if ok != (err == nil) || ok && script.Number(got.A) != want {
			t.Fatalf("field %s is %v, %t; Redis has %q, %v", text, got, ok, want, err)
		}
	}
	if size, err := redis.Int(conn.Do("HLEN", key)); err != nil || s.HLen() != size || !s.HNaN() {
		t.Errorf("%d fields, NaN among them: %t; Redis has %d, %v", s.HLen(), s.HNaN(), size, err)
	}
}

// TestNumbersAreLuas compares what becomes of numbers with the Lua of a real Redis.
func TestNumbersAreLuas(t *testing.T) {
	conn := redisConn(t)
	const source = `
local x, y = tonumber(ARGV[1]), tonumber(ARGV[2])
local exact = function(n) return string.format('%.17g', n) end
return {x .. '', exact(x), exact(tonumber(x .. '')), exact(x % y), exact(math.max(x, y)), exact(math.min(x, y)), x}`
	d := rand.New(rand.NewPCG(3, 4))
	special := []float64{0, math.Copysign(0, -1), 0.1, 1.0 / 3, 1e14, 1e14 - 1, -1e14, 99999999999999.5, 1e15, 1e17, 1e-5, 1e-4, 123456789012345678,
		math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1), math.Inf(-1), 1750000000000.25, -7.5, 1 << 53}
	number := func() float64 {
		switch d.IntN(4) {
		case 0:
			return special[d.IntN(len(special))]
		case 1:
			return float64(d.Int64N(1<<50) - 1<<49)
		case 2:
			return d.NormFloat64() * math.Pow(10, float64(d.IntN(40)-20))
		}
		return math.Float64frombits(d.Uint64())
	}
	for range 5000 {
		x, y := number(), number()
		if x != x || y != y {
			continue // the C library's sign of a NaN is nobody's promise
		}
		values, err := redis.Values(conn.Do("EVAL", source, 0, script.Write17(x), script.Write17(y)))
		if err != nil {
			t.Fatal(err)
		}
		want, err := redis.Strings(values[:6], nil)
		if err != nil {
			t.Fatal(err)
		}
		mod := script.Write17(script.Mod(x, y))
		if mod == "nan" || mod == "-nan" {
			mod = want[3]
			if got, err := strconv.ParseFloat(want[3], 64); err == nil && got == got {
				t.Errorf("%v %% %v is NaN, Lua says %s", x, y, want[3])
			}
		}
		got := []string{script.Write14(x), script.Write17(x), script.Write17(script.Digits14(x)), mod, script.Write17(script.Max(x, y)), script.Write17(script.Min(x, y))}
		for i, what := range []string{"..", "%.17g", "tonumber of ..", "%", "max", "min"} {
			if got[i] != want[i] {
				t.Errorf("%s of %v and %v is %s, Lua says %s", what, x, y, got[i], want[i])
			}
		}
		if n, err := redis.Int64(values[6], nil); err != nil || script.Integer(x) != n {
			t.Errorf("%v is replied as %d, by Redis as %d, %v", x, script.Integer(x), n, err)
		}
	}
}

func TestStateIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(script.State{}); size > 48 {
		t.Errorf("a state is %d bytes, want at most 48", size)
	}
}

// TestExpiry holds the rules of PEXPIRE and SET PX, and the millisecond that an expiry
// names, through which Redis keeps a key.
func TestExpiry(t *testing.T) {
	var s script.State
	if err := s.PExpire(1000, 5); err != nil || s.Expiry() != 0 {
		t.Errorf("an expiry of nothing: %v, %d", err, s.Expiry())
	}
	if err := s.SetPX(1000, 7, 5); err != nil || s.Expiry() != 1006 {
		t.Errorf("SET PX 5 at 1000: %v, holds nothing from %d on, want 1006", err, s.Expiry())
	}
	for _, ttl := range []float64{0.5, 1e17, math.NaN(), math.Inf(1), math.Copysign(0, -1)} {
		if err := s.PExpire(1000, ttl); err == nil {
			t.Errorf("PEXPIRE %v is no error", ttl)
		}
		if err := s.SetPX(1000, 7, ttl); err == nil {
			t.Errorf("SET PX %v is no error", ttl)
		}
	}
	if err := s.SetPX(1000, 7, 0); err == nil {
		t.Error("SET PX 0 is no error")
	}
	if v, ok := s.Get(); !ok || v != 7 {
		t.Errorf("after refused writes it holds %v, %t", v, ok)
	}
	if err := s.PExpire(1000, -1); err != nil || !s.Empty() {
		t.Errorf("PEXPIRE -1 left something: %v", err)
	}
}
