package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// defaultTarget is where a service listens that was told nothing else.
const defaultTarget = "http://127.0.0.1:50051"

const defaultTimeout = 5 * time.Second

// targetFlags are the flags of a command that calls a service.
func targetFlags(target *cli.StringFlag) []cli.Flag {
	target.Name = "target"
	return []cli.Flag{
		target,
		&cli.StringFlag{Name: "protocol", Value: "grpc", Usage: "speak `PROTOCOL`: grpc, connect or grpc-web"},
		&cli.DurationFlag{Name: "timeout", Value: defaultTimeout, Usage: "give each call `DURATION`"},
		&cli.StringFlag{Name: "tls-ca", Usage: "trust the certificates in `FILE` (PEM) instead of the system's"},
		&cli.StringFlag{Name: "tls-cert", Usage: "show the service the certificate in `FILE` (PEM)"},
		&cli.StringFlag{Name: "tls-key", Usage: "the key of --tls-cert, in `FILE` (PEM)"},
		secretFlag("show the service the secret in `FILE`, on its first line"),
	}
}

// dialTarget makes a client as targetFlags say. Nothing is sent yet.
func dialTarget(c *cli.Command) (*servicedoor.Client, error) {
	target := c.String("target")
	options := []servicedoor.Option{servicedoor.WithTimeout(c.Duration("timeout"))}
	switch protocol := c.String("protocol"); protocol {
	case "grpc": // the door's default
	case "connect":
		options = append(options, servicedoor.WithConnect())
	case "grpc-web":
		options = append(options, servicedoor.WithGRPCWeb())
	default:
		return nil, fmt.Errorf("--protocol is %q, want grpc, connect or grpc-web", protocol)
	}
	if timeout := c.Duration("timeout"); timeout <= 0 {
		return nil, fmt.Errorf("--timeout is %s, want more than 0", timeout)
	}
	ca, cert, key := c.String("tls-ca"), c.String("tls-cert"), c.String("tls-key")
	if ca != "" || cert != "" || key != "" {
		if !strings.HasPrefix(target, "https://") {
			return nil, errors.New("--tls-ca, --tls-cert and --tls-key need a --target that begins with https://")
		}
		config, err := clientTLS(ca, cert, key)
		if err != nil {
			return nil, err
		}
		options = append(options, servicedoor.WithTLSConfig(config))
	}
	secrets, err := readSecrets(c)
	if err != nil {
		return nil, err
	}
	if len(secrets) > 0 {
		options = append(options, servicedoor.WithSecret(secrets[0]))
	}
	client, err := servicedoor.New(target, options...)
	if err != nil {
		return nil, fmt.Errorf("--target: %w", err)
	}
	return client, nil
}

func clientTLS(ca, cert, key string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("--tls-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--tls-ca: %s holds no certificate in PEM", ca)
		}
	}
	if cert == "" && key == "" {
		return config, nil
	}
	if cert == "" || key == "" {
		return nil, errors.New("--tls-cert and --tls-key belong together; one of them is missing")
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}
