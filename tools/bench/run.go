package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"time"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/contest"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/report"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// The files of -out.
const (
	rawFile      = "results.txt"
	markdownFile = "RESULTS.md"
	pictureFile  = "throughput.svg"
)

// run measures and reports.
func run(ctx context.Context, args []string, out, log io.Writer) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	rounds := flags.Int("rounds", 5, "measure `N` times; reports show the median")
	length := flags.Duration("time", time.Second, "measure for `DURATION` each time")
	only := flags.String("only", "", "measure what matches `REGEXP` in MATCH/CONTENDER")
	dir := flags.String("out", "", "write the reports to `DIR`, too")
	if err := parse(flags, args, log); err != nil {
		return err
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	if flags.NArg() > 0 || *rounds < 1 || *length <= 0 {
		return fmt.Errorf("want -rounds of 1 or more, -time above 0 and no arguments, got %d, %v and %q", *rounds, *length, flags.Args())
	}

	arena, err := contest.NewArena(ctx, func() (*exec.Cmd, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		return exec.Command(self, echoCommand), nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, arena.Close()) }()
	held := contest.Run{Matches: contest.All(), Rounds: *rounds, Time: *length, Only: pattern}
	facts, err := gather(ctx, arena.Redis, held, flags)
	if err != nil {
		return err
	}
	var raw bytes.Buffer
	sink := io.Writer(&raw)
	if *dir != "" {
		file, err := os.Create(filepath.Join(*dir, rawFile))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		sink = io.MultiWriter(&raw, file)
	}
	lines := results.NewWriter(sink, runtime.GOMAXPROCS(0), facts)
	done := 0
	held.Add = func(cell results.Cell, s results.Sample) error {
		done++
		fmt.Fprintf(log, "%d/%d  %s  %s  %.0f checks/s\n", done, held.Samples(), cell.Match, cell.Contender, s.Metrics[results.Rate])
		return lines.Write(cell, s)
	}
	if err := held.Hold(ctx, arena); err != nil {
		return err
	}
	// From what was written, so that the file is known to be complete.
	measured, err := results.Read(&raw, rawFile)
	if err != nil {
		return err
	}
	if err := report.Markdown(out, measured, ""); err != nil || *dir == "" {
		return err
	}
	return writeReports(*dir, measured)
}

// rewrite makes the reports anew.
func rewrite(args []string, log io.Writer) error {
	flags := flag.NewFlagSet("bench report", flag.ContinueOnError)
	dir := flags.String("out", ".", "the `DIR` that holds "+rawFile)
	if err := parse(flags, args, log); err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(*dir, rawFile))
	if err != nil {
		return err
	}
	measured, err := results.Read(bytes.NewReader(raw), rawFile)
	if err != nil {
		return err
	}
	return writeReports(*dir, measured)
}

func writeReports(dir string, measured *results.Results) error {
	var picture, markdown bytes.Buffer
	name := pictureFile
	switch err := report.Plot(&picture, measured); {
	case errors.Is(err, report.ErrNothingToPlot):
		name = ""
	case err != nil:
		return err
	default:
		if err := os.WriteFile(filepath.Join(dir, pictureFile), picture.Bytes(), 0o666); err != nil {
			return err
		}
	}
	if err := report.Markdown(&markdown, measured, name); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, markdownFile), markdown.Bytes(), 0o666)
}
