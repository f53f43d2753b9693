package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"

	"github.com/throttlekit/throttlekit-go/sdk/policy"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// readPolicies reads the policy file and makes a limiter for each policy that is served.
// Those that count in this process it returns by policy as well.
func (s *service) readPolicies() (*policy.File, []server.Policy, map[string]*memory, error) {
	text, err := os.ReadFile(s.options.config)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("--config: %w", err)
	}
	file, err := policy.Parse(s.options.config, text)
	if err != nil {
		return nil, nil, nil, err
	}
	if s.options.redis != "" {
		if err := errors.Join(file.Collisions()...); err != nil {
			return nil, nil, nil, err
		}
	}
	local := map[string]*memory{}
	served := make([]server.Policy, 0, len(file.Policies))
	for _, p := range file.Policies {
		entry := server.Policy{Name: p.Name, Unserved: p.Unserved, NoPeek: p.NoPeek}
		if p.Strategy != nil {
			plan, err := p.Strategy.Plan()
			if err != nil {
				return nil, nil, nil, fmt.Errorf("%s:%d:%d: %w", file.Name, p.Line, p.Column, err)
			}
			entry.Limit = plan.Limit()
			if s.options.redis == "" && plan.Definition().Local != nil {
				m, err := s.remember(p.Name, plan)
				if err != nil {
					return nil, nil, nil, err
				}
				local[p.Name], entry.Limiter = m, m.Limiter
			} else if entry.Limiter, err = s.door.Limiter(plan, redisdoor.WithPrefix(s.prefix(p))); err != nil {
				return nil, nil, nil, err
			}
		}
		served = append(served, entry)
	}
	return file, served, local, nil
}

// prefix is what stands before the policy's keys in a Redis.
//
// In a shared one it is what every other client of the policy file uses. In the embedded
// one it is the name in quotes: nobody else reads it, and so policies cannot get at each
// other's keys, as they cannot in memory, whatever prefixes the file gives them.
func (s *service) prefix(p policy.Policy) string {
	switch {
	case s.options.redis == "":
		return strconv.Quote(p.Name)
	case p.Prefix == "":
		return s.options.redisPrefix
	}
	return policy.JoinKey(s.options.redisPrefix, p.Prefix)
}

// announce logs what whoever wrote the policy file should know.
func (s *service) announce(file *policy.File) {
	for _, notice := range file.Notices {
		s.logger.Warn("policy file", slog.String("notice", notice))
	}
	for _, p := range file.Policies {
		if p.Unserved != "" {
			s.logger.Warn("policy not served", slog.String("policy", p.Name), slog.String("reason", p.Unserved))
		}
		for _, notice := range p.Notices {
			s.logger.Warn("policy served differently", slog.String("policy", p.Name), slog.String("notice", notice))
		}
	}
	if s.options.redis == "" {
		for _, err := range file.Collisions() {
			s.logger.Warn("policies kept apart here, which --redis would refuse", slog.Any("error", err))
		}
	}
}

// reload replaces the policies by what the file says now. A file that cannot be served
// changes nothing.
func (s *service) reload() {
	s.tellEvictions() // of limiters that may go
	file, policies, local, err := s.readPolicies()
	if err == nil {
		err = s.server.SetPolicies(policies)
	}
	if err != nil {
		s.logger.Error("policy file not reloaded, the old policies stay", slog.Any("error", err))
		return
	}
	s.local = local
	s.announce(file)
	s.logger.Info("policy file reloaded", slog.Int("policies", len(policies)))
}
