package main

import (
	"bufio"
	"context"
	_ "embed" // peer.py
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

//go:embed peer.py
var peerSource []byte

const (
	// answerTimeout bounds one request. A peer that needs longer hangs.
	answerTimeout = 30 * time.Second

	// exitTimeout is how long a process may take to end when it was asked to.
	exitTimeout = 10 * time.Second
)

// peer is a Python process that answers for a Python client. It takes one request at a
// time.
type peer struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers chan []byte
	errors  *tail
	hello   hello
}

// hello is what a peer says of itself.
type hello struct {
	Version  string `json:"version"` // of the published package; empty for the stand-in
	Python   string `json:"python"`
	GRPC     string `json:"grpc"`
	Redis    string `json:"redis"`
	Protobuf string `json:"protobuf"`

	ServiceOps map[string][]string `json:"serviceOps"` // by service backend
}

func (h hello) String() string {
	return fmt.Sprintf("Python %s, grpcio %s, protobuf %s, redis-py %s", h.Python, h.GRPC, h.Protobuf, h.Redis)
}

// startPeer starts client's peer, whose program is written into dir. It ends with ctx,
// or with Close.
func startPeer(ctx context.Context, client pythonClient, dir string) (*peer, error) {
	program := filepath.Join(dir, "peer.py")
	if err := os.WriteFile(program, peerSource, 0o600); err != nil {
		return nil, err
	}
	p := &peer{answers: make(chan []byte), errors: &tail{}}
	// -I keeps the caller's PYTHONPATH and user packages out of it.
	p.cmd = exec.CommandContext(ctx, client.python, append([]string{"-I", program}, client.arguments...)...)
	p.cmd.Stderr = p.errors
	p.cmd.WaitDelay = exitTimeout
	p.cmd.Dir = dir
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in = in
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.read(out)
	if err := p.call(ctx, map[string]any{"op": "hello"}, &p.hello); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// read hands over answers until the process ends, which Close makes it do.
func (p *peer) read(out io.Reader) {
	defer close(p.answers)
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		p.answers <- line
	}
}

// call sends a request and decodes its answer. The error is a *fault when the Python
// client raised one, and anything else means that the peer is of no use any more.
func (p *peer) call(ctx context.Context, request, answer any) error {
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("the Python peer does not listen: %w%s", err, p.errors)
	}
	select {
	case line, ok := <-p.answers:
		if !ok {
			return fmt.Errorf("the Python peer ended%s", p.errors)
		}
		var failed struct {
			Error *fault `json:"error"`
		}
		if err := json.Unmarshal(line, &failed); err != nil {
			return fmt.Errorf("the Python peer answered %q: %w", line, err)
		}
		if failed.Error != nil {
			return failed.Error
		}
		if err := json.Unmarshal(line, answer); err != nil {
			return fmt.Errorf("the Python peer answered %q: %w", line, err)
		}
		return nil
	case <-time.After(answerTimeout):
		return fmt.Errorf("the Python peer did not answer within %v%s", answerTimeout, p.errors)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the process: by the end of its input, or by force when that is not enough.
func (p *peer) Close() error {
	err := p.in.Close()
	force := time.AfterFunc(exitTimeout, func() { _ = p.cmd.Process.Kill() }) // it may have ended meanwhile
	defer force.Stop()
	for range p.answers {
		// An answer that nobody waited for.
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the Python peer: %w%s", err, p.errors)
	}
	return err
}
