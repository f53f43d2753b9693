package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v3"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
)

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print what was built, and for which contract",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON"}},
		Action: func(_ context.Context, c *cli.Command) error {
			if err := noArguments(c); err != nil {
				return err
			}
			info, ok := debug.ReadBuildInfo()
			if !ok {
				info = &debug.BuildInfo{GoVersion: runtime.Version()}
			}
			b := buildOf(info)
			line := b.String()
			if c.Bool("json") {
				line = asJSON(b)
			}
			_, err := fmt.Fprintln(c.Root().Writer, line)
			return err
		},
	}
}

// build says what this binary was made of.
type build struct {
	Version         string `json:"version"`
	Revision        string `json:"revision,omitempty"`
	Modified        bool   `json:"modified"` // beyond Revision
	Go              string `json:"go"`
	ContractVersion string `json:"contractVersion"`
	GeneratedFrom   string `json:"generatedFrom"`
}

// buildOf reads what the Go command recorded: a module's version, and the revision when
// it built in a checkout.
func buildOf(info *debug.BuildInfo) build {
	b := build{
		Version:         info.Main.Version,
		Go:              info.GoVersion,
		ContractVersion: strategy.ContractVersion,
		GeneratedFrom:   strategy.GeneratedFrom,
	}
	if b.Version == "" {
		b.Version = "(devel)"
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// String is the build in one line.
func (b build) String() string {
	revision := b.Revision
	if revision != "" {
		revision = ", revision " + revision
		if b.Modified {
			revision += " (modified)"
		}
	}
	return fmt.Sprintf("throttlekit %s%s, %s, contract %s of %s", b.Version, revision, b.Go, b.ContractVersion, b.GeneratedFrom)
}
