package doctor

import (
	"context"
	"crypto/fips140"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The oldest release that CI runs everything on.
const leastMajor, leastMinor = 6, 2

// server tells what runs there.
func server(_ context.Context, n *node, _ Patient) ([]Finding, error) {
	if n.info == nil {
		return nil, nil
	}
	// Valkey calls itself a Redis of the version that it is compatible with, too.
	name, version := "redis", n.info["redis_version"]
	if own := n.info["server_name"]; own != "" && own != "redis" {
		name, version = own, n.info[own+"_version"]
	}
	up, _ := strconv.ParseInt(n.info["uptime_in_seconds"], 10, 64)
	what := fmt.Sprintf("%s %s, %s, up %s", name, version, n.info["redis_mode"], time.Duration(up)*time.Second)
	if name == "redis" && older(version) {
		return []Finding{{Severity: Warning, Message: what,
			Advice: fmt.Sprintf("upgrade: nothing older than %d.%d is tested", leastMajor, leastMinor)}}, nil
	}
	return []Finding{{Severity: OK, Message: what}}, nil
}

func older(version string) bool {
	first, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	major, err := strconv.Atoi(first)
	if err != nil {
		return false // of what calls itself otherwise nothing is known
	}
	minor, _ := strconv.Atoi(second)
	return major < leastMajor || major == leastMajor && minor < leastMinor
}

// lagBytes and lagSeconds are how far a replica may be behind before it is worth saying:
// what it has not got is forgotten when it takes over.
const (
	lagBytes   = 1 << 20
	lagSeconds = 10
)

// role tells whether the server takes writes, and how far behind its replicas are.
func role(_ context.Context, n *node, _ Patient) ([]Finding, error) {
	switch n.info["role"] {
	case "":
		return nil, nil
	case "slave":
		if n.standby {
			return []Finding{standby(n.info)}, nil
		}
		return []Finding{{Severity: Error, Message: "is a replica, which refuses what a check writes",
			Advice: "give the address of its master, " + n.info["master_host"] + ":" + n.info["master_port"] + ", or of the sentinels"}}, nil
	}
	var findings []Finding
	own, _ := strconv.ParseInt(n.info["master_repl_offset"], 10, 64)
	replicas := 0
	for {
		text, ok := n.info[fmt.Sprintf("slave%d", replicas)]
		if !ok {
			break
		}
		replicas++
		if f, behind := replica(text, own); behind {
			findings = append(findings, f)
		}
	}
	switch {
	case replicas == 0 && n.info["cluster_enabled"] == "1":
		findings = append(findings, Finding{Severity: Note, Message: "a master, without a replica that stands by",
			Advice: "when it goes away, the checks of its keys fail until it is back: add a replica"})
	case replicas == 0:
		findings = append(findings, Finding{Severity: OK, Message: "a master, without replicas"})
	case len(findings) == 0:
		findings = append(findings, Finding{Severity: OK, Message: fmt.Sprintf("a master, with %d replicas, all up to date", replicas)})
	}
	return findings, nil
}

// standby judges a replica of a cluster by what it says of its master.
func standby(info map[string]string) Finding {
	of := "a replica of " + info["master_host"] + ":" + info["master_port"]
	if info["master_link_status"] != "up" {
		return Finding{Severity: Warning, Message: of + ", which it has lost: it cannot take over with what is spent by now",
			Advice: "look at its log and network"}
	}
	return Finding{Severity: OK, Message: of}
}

// replica judges a line such as ip=10.0.0.2,port=6379,state=online,offset=10,lag=0.
func replica(text string, masterOffset int64) (f Finding, behind bool) {
	fields := map[string]string{}
	for _, part := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(part, "=")
		fields[name] = value
	}
	who := "the replica " + fields["ip"] + ":" + fields["port"]
	offset, _ := strconv.ParseInt(fields["offset"], 10, 64)
	lag, _ := strconv.ParseInt(fields["lag"], 10, 64)
	f = Finding{Severity: Warning, Advice: "look at its log and network: at a failover, what it has not got is forgotten and can be spent again"}
	switch {
	case fields["state"] != "online":
		f.Message = who + " is not in sync, but in state " + fields["state"]
	case lag > lagSeconds:
		f.Message = fmt.Sprintf("%s was last heard of %d s ago", who, lag)
	case masterOffset-offset > lagBytes:
		f.Message = fmt.Sprintf("%s is %d bytes behind", who, masterOffset-offset)
	default:
		return Finding{}, false
	}
	return f, true
}

// fips tells whether this process runs in FIPS 140-3 mode, which is not the server's.
func fips() Finding {
	message := "FIPS 140-3 mode is off"
	if fips140.Enabled() {
		message = "FIPS 140-3 mode is on; the Redis door computes no SHA-1 and runs in it, the embedded Redis does not"
	}
	return Finding{Node: "this process", Check: "fips", Severity: OK, Message: message}
}
