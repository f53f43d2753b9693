package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// The demo's limit: small enough to run into at once, slow enough to watch.
const (
	demoLimit  = 5
	demoTries  = 8
	demoPolicy = "demo"
	demoPeriod = 10 * time.Second
)

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "watch one limit enforced through every door",
		Description: "Starts a Redis and a server inside this process, sends a burst through each door,\n" +
			"and one that needs neither, and ends by itself.",
		Flags: []cli.Flag{
			redisFlag(),
			&cli.StringFlag{Name: "strategy", Value: strategy.All()[0].Name, Usage: "limit by `NAME`, one of " + strings.Join(strategyNames(), ", ")},
			&cli.DurationFlag{Name: "keep", Usage: "keep the server up for `DURATION` more, to try the curl line"},
		},
		Action: func(ctx context.Context, c *cli.Command) (err error) {
			if err := noArguments(c); err != nil {
				return err
			}
			plan, err := demoStrategy(c.String("strategy"))
			if err != nil {
				return err
			}
			s, err := openStore(ctx, c.String("redis"))
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			d := &demo{store: s, plan: plan, keep: c.Duration("keep"), out: c.Root().Writer, colour: isTerminal(c.Root().Writer)}
			return d.run(ctx)
		},
	}
}

func strategyNames() []string {
	var names []string
	for _, d := range strategy.All() {
		names = append(names, d.Name)
	}
	return names
}

func demoStrategy(name string) (script.Strategy, error) {
	var params map[string]float64
	for _, d := range strategy.All() {
		if d.Name == name {
			params = fill(d, demoLimit, demoPeriod)
		}
	}
	return strategy.New(name, params)
}

// fill gives values to the parameters of any strategy that have no default, also of one
// that this code has never heard of: what counts is set to limit, what lasts to period,
// and what comes back to the limit in a period.
func fill(d *script.Definition, limit float64, period time.Duration) map[string]float64 {
	params := map[string]float64{}
	for _, p := range d.Params {
		switch {
		case p.Default != 0 || p.DefaultFrom != "":
		case p.Unit == script.Milliseconds:
			params[p.Name] = script.Millis(period)
		case p.Unit == script.PerSecond:
			params[p.Name] = limit / period.Seconds()
		default:
			params[p.Name] = limit
		}
	}
	return params
}

// demo is one run of the command.
type demo struct {
	store  *store
	plan   script.Strategy
	keep   time.Duration
	out    io.Writer
	colour bool
}

func (d *demo) run(ctx context.Context) (err error) {
	prefix := ownPrefix(demoPolicy)
	door := redisdoor.Open(d.store, redisdoor.WithPrefix(prefix))
	defer func() {
		// Also when ctx has ended: the keys are not the Redis owner's.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err = errors.Join(err, door.Close(ctx), d.store.do(ctx, "DEL", prefix+":ann", prefix+":bob", prefix+":eve"))
	}()
	direct, err := door.Limiter(d.plan)
	if err != nil {
		return err
	}
	address, stop, err := serveOne(ctx, direct)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	client, err := servicedoor.New(address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	remote := client.Limiter(demoPolicy)
	plan, err := d.plan.Plan()
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "Strategy %s, a limit of %d, on %s.\n", plan.Definition().Name, demoLimit, d.store.name)

	redisDoor := way{"Redis", direct}
	serviceDoor := way{"service", remote}
	for _, part := range []struct {
		title, key string
		ways       []way
	}{
		{fmt.Sprintf("A burst of %d through the Redis door: the contract's script, straight in Redis", demoTries), "ann", []way{redisDoor}},
		{fmt.Sprintf("A burst of %d through the service door: gRPC to %s", demoTries, address), "bob", []way{serviceDoor}},
		{"These two in turn on one key: they spend the same limit", "eve", []way{redisDoor, serviceDoor}},
	} {
		if err := d.burst(ctx, part.title, part.key, part.ways); err != nil {
			return err
		}
	}
	if err := d.local(ctx); err != nil {
		return err
	}
	return d.json(ctx, address)
}

// local shows the door that needs nothing, where the strategy has a form for it.
func (d *demo) local(ctx context.Context) error {
	limiter, err := localdoor.New(d.plan)
	if errors.Is(err, throttlekit.ErrNotSupported) {
		return nil
	}
	if err != nil {
		return err
	}
	title := fmt.Sprintf("A burst of %d in this process alone: the contract's script as Go, no Redis", demoTries)
	return errors.Join(d.burst(ctx, title, "zoe", []way{{"process", limiter}}), limiter.Close())
}

// way is a door under the name that the table gives it.
type way struct {
	name    string
	limiter throttlekit.Limiter
}

// burst checks one key demoTries times, through the ways in turn, and prints a table.
func (d *demo) burst(ctx context.Context, title, key string, ways []way) error {
	fmt.Fprintf(d.out, "\n%s\n%s", title, tableHead)
	for try := range demoTries {
		w := ways[try%len(ways)]
		decision, err := w.limiter.Check(ctx, key)
		if err != nil {
			return err
		}
		fmt.Fprint(d.out, tableRow(try+1, w.name, decision, d.colour))
	}
	return nil
}

// json asks the server as curl would, and prints how.
func (d *demo) json(ctx context.Context, address string) error {
	url := address + "/throttlekit.v1.RateLimiter/Check"
	body := `{"policy":"` + demoPolicy + `","key":"eve"}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\nThe same server, with JSON (%s)\n$ curl -H 'Content-Type: application/json' -d '%s' %s\n%s\n",
		response.Status, body, url, answer)
	if d.keep > 0 {
		fmt.Fprintf(d.out, "\nThe server stays up for %s; stop it with Ctrl-C.\n", d.keep)
		select {
		case <-time.After(d.keep):
		case <-ctx.Done():
		}
	}
	return nil
}

// serveOne starts a server with one policy on a loopback port of the system's choosing.
func serveOne(ctx context.Context, limiter throttlekit.Limiter) (address string, stop func() error, err error) {
	srv, err := server.New([]server.Policy{{Name: demoPolicy, Limiter: limiter}})
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ctx, listener) }()
	return "http://" + listener.Addr().String(), func() error {
		cancel()
		return <-served
	}, nil
}
