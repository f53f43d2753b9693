"""The Python end of tools/interop: it answers for a ThrottleKit client written in Python.

Each line of stdin is one request, a JSON object whose "op" names a function below; each
line of stdout is its answer. It ends when stdin does.

    peer.py                           speaks for the installed throttlekit package
    peer.py --own STUBS CONTRACT      speaks for itself: a few lines of client over
                                      grpcio, redis-py, the stubs and the contract's Lua
"""

import asyncio
import hashlib
import inspect
import json
import pathlib
import platform
import sys

import grpc
import redis

# Every wait has an end: the driver would rather hear of a fault than wait for it.
SOCKET_TIMEOUT_S = 10
SERVICE_TIMEOUT_S = 20


class Published:
    """The package that others wrote."""

    def __init__(self):
        import throttlekit

        self.package = throttlekit
        self.version = throttlekit.__version__
        self.scripts = pathlib.Path(throttlekit.__file__).parent / "_scripts"

    def limiter(self, client, strategy, params, prefix):
        configured = self.package.from_spec(strategy, params)
        return self.package.RedisBackend(client, configured, prefix=prefix)

    def service(self, backend, target):
        return getattr(self.package, backend)(target)

    def service_ops(self):
        """What each of its service backends offers; older versions have fewer."""
        backends = {
            backend: getattr(self.package, backend)
            for backend in ("ServiceBackend", "AsyncServiceBackend")
            if backend in self.package.__all__
        }
        return {
            backend: [op for op in SERVICE_OPS if hasattr(offered, op)]
            for backend, offered in backends.items()
        }


class Own:
    """A stand-in for the package where it cannot be had. It shares our proto and our Lua,
    so what it proves is other people's gRPC and Redis clients."""

    def __init__(self, stubs, contract):
        sys.path.insert(0, stubs)
        from interop_stubs import throttlekit_pb2, throttlekit_pb2_grpc

        self.pb, self.pb_grpc = throttlekit_pb2, throttlekit_pb2_grpc
        self.version = None
        self.scripts = pathlib.Path(contract) / "scripts"
        self.manifest = json.loads((pathlib.Path(contract) / "manifest.json").read_text("utf-8"))

    def limiter(self, client, strategy, params, prefix):
        for script in self.manifest["scripts"]:
            if (script["strategy"], script["role"]) == (strategy, "check"):
                text = (self.scripts / script["file"]).read_text("utf-8")
                return OwnLimiter(client, text, script["argv"], params, prefix)
        raise KeyError(strategy)

    def service(self, backend, target):
        return OwnService(self.pb, self.pb_grpc, target)

    def service_ops(self):
        return {"ServiceBackend": list(SERVICE_OPS)}


class OwnLimiter:
    def __init__(self, client, text, argv, params, prefix):
        self.client, self.text, self.argv = client, text, argv
        self.params, self.prefix = params, prefix
        self.sha = hashlib.sha1(text.encode()).hexdigest()

    def check(self, key, cost=1, *, now=None):
        values = {**self.params, "cost": cost, "now": now or 0}
        full = f"{self.prefix}:{key}" if self.prefix else key
        arguments = [full, *(values[name] for name in self.argv)]
        try:
            reply = self.client.evalsha(self.sha, 1, *arguments)
        except redis.exceptions.NoScriptError:
            reply = self.client.eval(self.text, 1, *arguments)
        return OwnDecision(reply[0] == 1, *reply[1:])


class OwnDecision:
    def __init__(self, allowed, limit, remaining, reset_at, retry_after_ms):
        self.allowed, self.limit, self.remaining = allowed, limit, remaining
        self.reset_at, self.retry_after_ms = reset_at, retry_after_ms


# The classes carry the published client's names, which the driver asks for.
class ThrottleKitError(Exception):
    pass


class PolicyNotFoundError(ThrottleKitError):
    pass


class OperationNotSupportedError(ThrottleKitError):
    pass


class ServiceUnavailableError(ThrottleKitError):
    pass


OWN_FAULTS = {
    grpc.StatusCode.NOT_FOUND: PolicyNotFoundError,
    grpc.StatusCode.UNIMPLEMENTED: OperationNotSupportedError,
    grpc.StatusCode.UNAVAILABLE: ServiceUnavailableError,
}


class OwnService:
    def __init__(self, pb, pb_grpc, target):
        self.pb = pb
        self.channel = grpc.insecure_channel(target)
        self.stub = pb_grpc.RateLimiterStub(self.channel)

    def call(self, rpc, **fields):
        request = getattr(self.pb, rpc + "Request")(**fields)
        try:
            return getattr(self.stub, rpc)(request, timeout=SOCKET_TIMEOUT_S)
        except grpc.RpcError as err:
            kind = OWN_FAULTS.get(err.code())
            if kind:
                raise kind(err.details()) from err
            raise ThrottleKitError(f"{err.code().name}: {err.details()}") from err

    def check(self, policy, key, cost=1):
        return self.call("Check", policy=policy, key=key, cost=cost).decision

    def check_many(self, policy, keys, cost=1):
        return list(self.call("CheckMany", policy=policy, keys=keys, cost=cost).decisions)

    def peek(self, policy, key):
        return self.call("Peek", policy=policy, key=key).decision

    def forecast(self, policy, key, cost=1):
        return self.call("Forecast", policy=policy, key=key, cost=cost).forecast

    def debit(self, policy, key, tokens=1):
        return self.call("Debit", policy=policy, key=key, tokens=tokens).decision

    def admit(self, policy, key):
        return self.call("Admit", policy=policy, key=key)

    def close(self):
        self.channel.close()


class Witness:
    """A Redis client as the package wants one. It runs each script between two readings
    of Redis's clock, in one transaction; with keep it then takes the key's expiry away,
    which passes in real time and would strike at random in a timeline that does not."""

    def __init__(self, client, keep):
        self.client, self.keep = client, keep
        self.before = self.after = self.ttl = None

    def evalsha(self, sha, numkeys, *rest):
        return self.run("EVALSHA", sha, numkeys, *rest)

    def eval(self, script, numkeys, *rest):
        return self.run("EVAL", script, numkeys, *rest)

    def run(self, command, script, numkeys, key, *argv):
        pipe = self.client.pipeline(transaction=True)
        pipe.time()
        pipe.execute_command(command, script, numkeys, key, *argv)
        pipe.pttl(key)
        pipe.time()
        if self.keep:
            pipe.persist(key)
        before, reply, self.ttl, after, *_ = pipe.execute(raise_on_error=False)
        if isinstance(reply, Exception):
            raise reply
        self.before, self.after = milliseconds(before), milliseconds(after)
        return reply


def milliseconds(time):
    seconds, microseconds = time
    return seconds * 1000 + microseconds // 1000


class Peer:
    def __init__(self, side):
        self.side = side
        self.clients, self.limiters, self.services = {}, {}, {}
        self.loop = asyncio.new_event_loop()

    def client(self, url):
        if url not in self.clients:
            self.clients[url] = redis.Redis.from_url(url, socket_timeout=SOCKET_TIMEOUT_S)
        return self.clients[url]

    def limiter(self, url, strategy, params, prefix, witness):
        known = json.dumps([url, strategy, params, prefix, witness], sort_keys=True)
        if known not in self.limiters:
            client = self.client(url)
            if witness:
                client = Witness(client, keep=witness == "keep")
            self.limiters[known] = client, self.side.limiter(client, strategy, params, prefix)
        return self.limiters[known]

    def hello(self):
        import google.protobuf

        return {
            "version": self.side.version or "",
            "python": platform.python_version(),
            "grpc": grpc.__version__,
            "redis": redis.__version__,
            "protobuf": google.protobuf.__version__,
            "serviceOps": self.side.service_ops(),
        }

    def check(self, url, strategy, params, prefix, key, cost, now, witness):
        client, limiter = self.limiter(url, strategy, params, prefix, witness)
        answer = {"decision": fields(limiter.check(key, cost, now=now or None))}
        if witness:
            answer.update(before=client.before, after=client.after, ttl=client.ttl)
        return answer

    def checks(self, url, strategy, params, prefix, key, cost, times):
        _, limiter = self.limiter(url, strategy, params, prefix, "")
        return {"decisions": [fields(limiter.check(key, cost)) for _ in range(times)]}

    def service(self, backend, target, method, arguments):
        if method not in SERVICE_OPS:
            raise ValueError(f"method is {method!r}, want one of {', '.join(SERVICE_OPS)}")
        result = self.finished(self.called(backend, target, method, arguments))
        if method == "forecast":
            return {"forecast": [result.spendable_now, result.next_replenish_at, result.full_at]}
        if method == "check_many":
            return {"decisions": [fields(d) for d in result]}
        return {"decision": fields(getattr(result, "decision", result))}

    async def called(self, backend, target, method, arguments):
        """Calls a backend of either sort; an asynchronous one must be made in its loop."""
        if (backend, target) not in self.services:
            self.services[backend, target] = self.side.service(backend, target)
        result = getattr(self.services[backend, target], method)(*arguments)
        return await result if inspect.isawaitable(result) else result

    def finished(self, call):
        return self.loop.run_until_complete(asyncio.wait_for(call, SERVICE_TIMEOUT_S))

    async def close(self):
        for service in self.services.values():
            closing = service.aclose() if hasattr(service, "aclose") else service.close()
            if inspect.isawaitable(closing):
                await closing

    def manifest(self):
        folder = self.side.scripts
        at = folder if (folder / "manifest.json").exists() else folder.parent
        manifest = json.loads((at / "manifest.json").read_text("utf-8"))
        sums = {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.glob("*.lua"))
        }
        return {"manifest": manifest, "sums": sums}

    def script(self, url, name, keys, values):
        """Runs a packaged script by its own manifest's ARGV order."""
        for script in self.manifest()["manifest"]["scripts"]:
            if script["name"] == name:
                text = (self.side.scripts / script["file"]).read_text("utf-8")
                argv = [values[argument] for argument in script["argv"]]
                return {"reply": plain(self.client(url).eval(text, len(keys), *keys, *argv))}
        raise KeyError(name)


SERVICE_OPS = ("check", "check_many", "peek", "forecast", "debit", "admit")
PEER_OPS = ("hello", "check", "checks", "service", "manifest", "script")


def fields(decision):
    return [
        decision.allowed,
        decision.limit,
        decision.remaining,
        decision.reset_at,
        decision.retry_after_ms,
    ]


def plain(reply):
    if isinstance(reply, list):
        return [plain(element) for element in reply]
    return reply.decode("utf-8") if isinstance(reply, bytes) else reply


def answer(peer, line):
    request = json.loads(line)
    op = request.pop("op")
    if op not in PEER_OPS:
        return {"error": {"kinds": ["ValueError"], "message": f"no op {op!r}"}}
    try:
        return getattr(peer, op)(**request)
    except Exception as err:
        kinds = [kind.__name__ for kind in type(err).__mro__ if issubclass(kind, Exception)]
        return {"error": {"kinds": kinds, "message": str(err)}}


def main(arguments):
    own = arguments[:1] == ["--own"]
    peer = Peer(Own(*arguments[1:]) if own else Published())
    for line in sys.stdin:
        print(json.dumps(answer(peer, line)), flush=True)
    peer.finished(peer.close())
    peer.loop.close()


if __name__ == "__main__":
    main(sys.argv[1:])
