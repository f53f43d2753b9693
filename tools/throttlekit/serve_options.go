package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// defaultDrain leaves time for a second attempt within the 30 seconds that Kubernetes gives
// a stopping pod, and is far longer than any check takes.
const defaultDrain = 10 * time.Second

// serveOptions are the flags of serve, found valid.
type serveOptions struct {
	config      string
	host        string
	port        int
	redis       string // empty for the memory of this process
	redisPrefix string
	fail        server.FailMode
	tls         *tls.Config // nil for none
	secrets     []string    // of callers; none for everybody
	metrics     bool
	metricsHost string
	metricsPort int
	drain       time.Duration
	jsonLog     bool
}

func readServeOptions(c *cli.Command) (*serveOptions, error) {
	if err := refuseForeign(c); err != nil {
		return nil, err
	}
	o := &serveOptions{
		config:      c.String("config"),
		host:        c.String("host"),
		redis:       c.String("redis"),
		redisPrefix: c.String("redis-prefix"),
		metrics:     c.IsSet("metrics-port"),
		metricsHost: c.String("metrics-host"),
		drain:       c.Duration("drain"),
	}
	if o.config == "" {
		return nil, errors.New("--config is missing; it names the policy file, see throttlekit serve --help")
	}
	if o.redis == "" && c.IsSet("redis") {
		return nil, errors.New("--redis or THROTTLEKIT_REDIS is empty, want a URL such as redis://localhost:6379, or neither of them at all")
	}
	if o.host == "" || o.metricsHost == "" {
		return nil, errors.New("--host or --metrics-host is empty; name 0.0.0.0 or :: for all of the machine's addresses")
	}
	if o.drain <= 0 {
		return nil, fmt.Errorf("--drain is %s, want more than 0", o.drain)
	}
	var err error
	if o.port, err = readPort(c, "port"); err != nil {
		return nil, err
	}
	if o.metrics {
		if o.metricsPort, err = readPort(c, "metrics-port"); err != nil {
			return nil, err
		}
	}
	switch fail := c.String("fail"); fail {
	case "open":
		o.fail = server.FailOpen
	case "closed":
		o.fail = server.FailClosed
	default:
		return nil, fmt.Errorf("--fail is %q, want open or closed", fail)
	}
	switch format := c.String("log"); format {
	case "text", "json":
		o.jsonLog = format == "json"
	default:
		return nil, fmt.Errorf("--log is %q, want text or json", format)
	}
	if o.tls, err = readTLS(c); err != nil {
		return nil, err
	}
	if o.secrets, err = readSecrets(c); err != nil {
		return nil, err
	}
	if len(o.secrets) > 0 && o.tls == nil && !loopback(o.host) {
		return nil, fmt.Errorf("secrets need --tls-cert and --tls-key with --host %s: in the clear they would be anybody's who listens", o.host)
	}
	return o, nil
}

func readPort(c *cli.Command, flag string) (int, error) {
	text := c.String(flag)
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("--%s is %q, want a whole number from 0 to 65535", flag, text)
	}
	return int(port), nil
}

// readTLS is the TLS configuration that the flags ask for, or nil. Half of one is refused:
// it would serve in the clear what was meant to be kept.
func readTLS(c *cli.Command) (*tls.Config, error) {
	cert, key, ca := c.String("tls-cert"), c.String("tls-key"), c.String("tls-ca")
	certSet, keySet, caSet := c.IsSet("tls-cert"), c.IsSet("tls-key"), c.IsSet("tls-ca")
	switch {
	case !certSet && !keySet && !caSet:
		return nil, nil
	case !certSet && !keySet:
		return nil, errors.New("--tls-ca needs --tls-cert and --tls-key: without a certificate of its own the server would speak in the clear")
	case !certSet:
		return nil, errors.New("--tls-key needs --tls-cert")
	case !keySet:
		return nil, errors.New("--tls-cert needs --tls-key")
	case cert == "", key == "", ca == "" && caSet:
		return nil, errors.New("--tls-cert, --tls-key or --tls-ca is empty, want the name of a file")
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
	}
	if ca != "" {
		text, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("--tls-ca: %w", err)
		}
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--tls-ca: %s holds no certificate in PEM", ca)
		}
	}
	return config, nil
}

// security is the start line's word for how the service is protected.
func (o *serveOptions) security() string {
	switch {
	case o.tls == nil:
		return "insecure"
	case o.tls.ClientCAs == nil:
		return "TLS"
	}
	return "mTLS"
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
