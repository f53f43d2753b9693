package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	// packageName is the published client's name on PyPI.
	packageName = "throttlekit-py"

	// installTimeout bounds each run of pip and venv.
	installTimeout = 5 * time.Minute
)

// pythonClient is a Python client that can be started.
type pythonClient struct {
	python    string   // the interpreter
	arguments []string // for peer.py
	how       string   // where it comes from, for the reader
	published bool     // whether others wrote it
}

// installer makes Python clients in dir.
type installer struct {
	python string // the interpreter that makes the venvs
	dir    string
	say    func(format string, args ...any)
}

// errOutOfReach marks the errors that mean that PyPI cannot be used from here.
var errOutOfReach = errors.New("PyPI cannot be used")

// install makes a venv of its own for each version: "newest" and "oldest" are among what
// PyPI offers. The error is errOutOfReach when it cannot be asked.
func (i installer) install(ctx context.Context, versions []string) ([]pythonClient, error) {
	offered, err := i.offered(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errOutOfReach, err)
	}
	i.say("PyPI offers %s %s", packageName, strings.Join(offered, ", "))
	if versions, err = choose(offered, versions); err != nil {
		return nil, err
	}
	var clients []pythonClient
	for _, version := range versions {
		client, err := i.published(ctx, version)
		if err != nil {
			return nil, err
		}
		clients = append(clients, client)
	}
	return clients, nil
}

// offered asks PyPI for the versions of the package, newest first.
func (i installer) offered(ctx context.Context) ([]string, error) {
	python, err := i.venv(ctx, "lookup")
	if err != nil {
		return nil, err
	}
	out, err := run(ctx, python, pip("index", "versions", packageName)...)
	if err != nil {
		return nil, err
	}
	versions := availableVersions(out)
	if len(versions) == 0 {
		return nil, fmt.Errorf("pip names no version of %s:\n%s", packageName, out)
	}
	return versions, nil
}

var availableLine = regexp.MustCompile(`(?m)^Available versions: *(.+)$`)

// availableVersions reads what `pip index versions` prints, newest first.
func availableVersions(out string) []string {
	match := availableLine.FindStringSubmatch(out)
	if match == nil {
		return nil
	}
	var versions []string
	for v := range strings.SplitSeq(match[1], ",") {
		if v = strings.TrimSpace(v); v != "" {
			versions = append(versions, v)
		}
	}
	return versions
}

// choose returns what of the offered versions, newest first, is wanted, each once.
func choose(offered, wanted []string) ([]string, error) {
	var chosen []string
	for _, version := range wanted {
		switch version {
		case "newest":
			version = offered[0]
		case "oldest":
			version = offered[len(offered)-1]
		}
		if !slices.Contains(offered, version) {
			return nil, fmt.Errorf("%s has no version %q, want newest, oldest or one of %s",
				packageName, version, strings.Join(offered, ", "))
		}
		if !slices.Contains(chosen, version) {
			chosen = append(chosen, version)
		}
	}
	return chosen, nil
}

// What is asked of an installed package, in Python.
const (
	askVersion = "import redis, throttlekit; print(throttlekit.__version__)"
	askFolder  = "import pathlib, throttlekit; print(pathlib.Path(throttlekit.__file__).parent.parent)"
	askStubs   = "import importlib.metadata as m; print(any(f.name == 'throttlekit_pb2.py' for f in m.files('" + packageName + "')))"
)

// published installs one version of the package. A version that carries no gRPC stubs
// gets them from our proto, by way of the generator that its authors would use.
func (i installer) published(ctx context.Context, version string) (pythonClient, error) {
	client := pythonClient{published: true, how: packageName + " " + version + " from PyPI"}
	var err error
	if client.python, err = i.venv(ctx, packageName+"-"+version); err != nil {
		return client, err
	}
	ask := func(question string) (string, error) {
		answer, err := run(ctx, client.python, "-I", "-c", question)
		return strings.TrimSpace(answer), err
	}
	if installed, err := ask(askVersion); err != nil || installed != version {
		if _, err := run(ctx, client.python, pip("install", packageName+"[redis]=="+version)...); err != nil {
			return client, err
		}
	}
	carried, err := ask(askStubs)
	if err != nil {
		return client, err
	}
	if carried == "True" {
		client.how += ", with the stubs that it carries"
		return client, nil
	}
	client.how += ", which carries no stubs: they are generated from our proto"
	site, err := ask(askFolder)
	if err != nil {
		return client, err
	}
	if _, err := run(ctx, client.python, pip("install", "grpcio-tools")...); err != nil {
		return client, err
	}
	return client, i.generateStubs(ctx, client.python, "throttlekit/_generated", site)
}

// own is the stand-in for the published client: our proto's stubs and our Lua, over the
// gRPC and Redis clients that this machine's Python has.
func (i installer) own(ctx context.Context) (pythonClient, error) {
	python, err := equipped(ctx, i.python, systemPython)
	if err != nil {
		return pythonClient{}, fmt.Errorf("there is neither PyPI nor a Python with grpcio, grpcio-tools and redis; "+
			"on Debian: apt-get install python3-grpcio python3-grpc-tools python3-redis: %w", err)
	}
	contract, err := filepath.Abs("contract")
	if err != nil {
		return pythonClient{}, err
	}
	stubs := filepath.Join(i.dir, "stubs")
	if err := os.MkdirAll(stubs, 0o700); err != nil {
		return pythonClient{}, err
	}
	if err := i.generateStubs(ctx, python, "interop_stubs", stubs); err != nil {
		return pythonClient{}, err
	}
	return pythonClient{python: python, arguments: []string{"--own", stubs, contract},
		how: "a stand-in of our own over this machine's grpcio and redis-py, with stubs from our proto and our Lua"}, nil
}

// systemPython is the one that a distribution's packages are for. Another may hide it.
const systemPython = "/usr/bin/python3"

// equipped finds the first of the interpreters that has what the stand-in needs.
func equipped(ctx context.Context, candidates ...string) (string, error) {
	var problems []error
	for _, candidate := range candidates {
		python, err := exec.LookPath(candidate)
		if err == nil {
			_, err = run(ctx, python, "-I", "-c", "import grpc, grpc_tools, redis")
		}
		if err == nil {
			return filepath.Abs(python) // the peer runs in another folder
		}
		problems = append(problems, err)
	}
	return "", errors.Join(problems...)
}

// generateStubs makes Python stubs of our proto as the package at path under into. The
// proto's own path decides by what name the stubs import each other.
func (i installer) generateStubs(ctx context.Context, python, path, into string) error {
	proto, err := os.ReadFile("proto/throttlekit/v1/throttlekit.proto")
	if err != nil {
		return err
	}
	root, err := os.MkdirTemp(i.dir, "proto")
	if err != nil {
		return err
	}
	name := path + "/throttlekit.proto"
	file := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file, proto, 0o600); err != nil {
		return err
	}
	_, err = run(ctx, python, "-I", "-m", "grpc_tools.protoc", "-I", root, "--python_out", into, "--grpc_python_out", into, name)
	return errors.Join(err, os.RemoveAll(root))
}

// venv returns the interpreter of the venv of that name in i.dir, which it makes when
// there is none.
func (i installer) venv(ctx context.Context, name string) (string, error) {
	dir := filepath.Join(i.dir, name)
	python := filepath.Join(dir, "bin", "python")
	if _, err := run(ctx, python, "-I", "-m", "pip", "--version"); err == nil {
		return python, nil
	}
	if _, err := run(ctx, i.python, "-m", "venv", "--clear", dir); err != nil {
		return "", fmt.Errorf("no venv can be made (on Debian it takes python3-venv): %w", err)
	}
	return python, nil
}

// pip is a pip command line that asks nobody, gives up early where there is no network,
// builds nothing and leaves no cache.
func pip(command string, args ...string) []string {
	all := []string{"-I", "-m", "pip", "--no-input", "--disable-pip-version-check", "--no-cache-dir",
		"--retries", "1", "--timeout", "15", command}
	if command == "install" {
		all = append(all, "--quiet", "--only-binary", ":all:")
	}
	return append(all, args...)
}

// run runs a command and returns what it printed; the error holds what it complained of.
func run(ctx context.Context, command string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.WaitDelay = exitTimeout
	complaints := &tail{}
	cmd.Stderr = complaints
	out, err := cmd.Output()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w%s", command, strings.Join(args, " "), err, complaints)
	}
	return string(out), nil
}
