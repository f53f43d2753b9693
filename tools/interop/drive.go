package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// deployment is one `throttlekit serve`, and how each service backend of the Python client
// sees it.
type deployment struct {
	how     string
	args    []string
	onRedis bool // on the session's Redis, else on one of its own
	open    bool // its fail mode

	process *process
	mine    *servicedoor.Client
	through []*service
}

// driveServices starts services on the session's Redis, under either fail mode, and on
// their own, and drives them through all that can happen to them. store, the session's
// Redis, is gone afterwards.
func (s *session) driveServices(ctx context.Context, dir, binary string, store *process) error {
	now, err := s.serverTime(ctx)
	if err != nil {
		return err
	}
	p, err := roomyPolicies(now)
	if err != nil {
		return err
	}
	config := filepath.Join(dir, "policies.json")
	if err := os.WriteFile(config, p.file, 0o600); err != nil {
		return err
	}
	all := []*deployment{
		{how: "its own Redis"},
		{how: "Redis, fail open", args: []string{"--redis", s.url, "--fail", "open"}, onRedis: true, open: true},
		{how: "Redis, fail closed", args: []string{"--redis", s.url, "--fail", "closed"}, onRedis: true},
	}
	for _, d := range all {
		if err := s.deploy(ctx, d, p, binary, config); err != nil {
			return err
		}
		defer d.close()
	}
	onRedis := all[1:]
	for _, stage := range []func() error{
		func() error {
			return s.drive(all, "one key through every door", func(_ *deployment, v *service) error { return v.walk(ctx) })
		},
		func() error {
			return s.drive(all, "many keys", func(_ *deployment, v *service) error { return v.batches(ctx) })
		},
		func() error {
			return s.drive(all, "refusals", func(_ *deployment, v *service) error { return v.refusals(ctx) })
		},
		func() error {
			return s.drive(onRedis, "a key that holds something else", func(d *deployment, v *service) error { return v.wrongType(ctx, d.open) })
		},
		store.stop,
		func() error {
			return s.drive(onRedis, "Redis gone", func(d *deployment, v *service) error { return v.storeGone(ctx, d.open) })
		},
		func() error {
			return s.prove("serve, SIGTERM", func() (string, error) { s.terminate(all); return "", nil })
		},
		func() error {
			return s.drive(all, "service gone", func(_ *deployment, v *service) error { return v.serviceGone(ctx) })
		},
	} {
		if err := stage(); err != nil {
			return err
		}
	}
	return nil
}

// terminate asks every service to end.
func (s *session) terminate(all []*deployment) {
	for _, d := range all {
		err := d.process.stop()
		s.check(err == nil, "on %s: it does not end well: %v", d.how, err)
	}
}

// close makes sure that nothing of d is left. How the process ends is a check of its own.
func (d *deployment) close() {
	_ = d.mine.Close()
	_ = d.process.stop()
}

// deploy starts d and looks at it through every backend.
func (s *session) deploy(ctx context.Context, d *deployment, p policies, binary, config string) error {
	process, address, err := startService(ctx, binary, config, d.args...)
	if err != nil {
		return err
	}
	if d.mine, err = servicedoor.New(address); err != nil {
		return errors.Join(err, process.stop())
	}
	d.process = process
	for _, backend := range slices.Sorted(maps.Keys(s.peer.hello.ServiceOps)) {
		d.through = append(d.through, &service{session: s, target: address, backend: backend,
			ops: s.peer.hello.ServiceOps[backend], mine: d.mine, policies: p, onRedis: d.onRedis})
	}
	return nil
}

// drive runs a proof against deployments, a section for each view of each.
func (s *session) drive(deployments []*deployment, what string, proof func(*deployment, *service) error) error {
	for _, d := range deployments {
		for _, v := range d.through {
			err := s.prove("serve on "+d.how+", "+v.backend+", "+what, func() (string, error) { return "", proof(d, v) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}
