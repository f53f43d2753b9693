package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"
)

// secretVariable holds a secret where there is no --secret-file. There is no flag for the
// secret itself: a command line is seen by whoever may list processes.
const secretVariable = "THROTTLEKIT_SECRET"

// guessable is a length in bytes below which a secret may be found by trying.
const guessable = 16

func secretFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "secret-file", Usage: usage + "; without it the one in " + secretVariable + ", if that is set"}
}

// maxSecretFile is how long the file may be, in bytes: far more than a few secrets need. The
// wrong file, such as a device, has no end.
const maxSecretFile = 64 << 10

// readSecrets are the secrets that the flag or the environment names, if any: the different
// lines of the file that are not empty, or the one in the variable. What names none is
// refused: it would leave open what was meant to be closed.
func readSecrets(c *cli.Command) ([]string, error) {
	if !c.IsSet("secret-file") {
		text, set := os.LookupEnv(secretVariable)
		if !set {
			return nil, nil
		}
		secret := strings.TrimSpace(text)
		if !showable(secret) {
			return nil, fmt.Errorf("%s is no secret, want printable ASCII without spaces, or no variable for none", secretVariable)
		}
		return []string{secret}, nil
	}
	name := c.String("secret-file")
	text, err := readSome(name)
	if err != nil {
		return nil, fmt.Errorf("--secret-file: %w", err)
	}
	if len(text) > maxSecretFile {
		return nil, fmt.Errorf("--secret-file: %s is longer than %d bytes, want a few secrets, one on a line", name, maxSecretFile)
	}
	var secrets []string
	for i, line := range strings.Split(string(text), "\n") {
		switch secret := strings.TrimSpace(line); {
		case secret == "", slices.Contains(secrets, secret):
		case !showable(secret):
			return nil, fmt.Errorf("--secret-file: %s:%d is no secret, want printable ASCII without spaces", name, i+1)
		default:
			secrets = append(secrets, secret)
		}
	}
	if len(secrets) == 0 {
		return nil, fmt.Errorf("--secret-file: %s holds no secret, want one on a line", name)
	}
	return secrets, nil
}

// readSome reads a file, and of a long one enough to tell that it is too long.
func readSome(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxSecretFile+1))
}

// showable reports whether a header can carry the secret.
func showable(secret string) bool {
	return secret != "" && !strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' })
}
