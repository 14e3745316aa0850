#!/usr/bin/env python3
"""Reads credentials from rolekeeper's socket and uses each one: GetCallerIdentity, signed with it, at the STS given.

With --file it reads credential files of the JSON form as well. Runs until SIGTERM or SIGINT, then prints
one line of JSON with what it saw, and exits 0 only if no read was refused, no answer was empty, torn or expired, STS took every credential, and
every role and file rotated often enough. It shares no code with the daemon: the signature below is ACS3-HMAC-SHA256 with Python's own hmac.
"""
import argparse, datetime, functools, hashlib, hmac, http.client, json, signal, socket, ssl, struct, sys, time, uuid


FIELDS = ("AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration")


class Fault(Exception):
    """What is wrong with a read: one of KINDS, and in words."""

    KINDS = ("refused", "empty", "torn", "expired", "unused")

    def __init__(self, kind, words):
        super().__init__(words)
        self.kind = kind


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Not by settimeout() yet: where the listener's queue is full, a socket that doesn't block fails at once (EAGAIN, unix(7)).
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", self.timeout, 0))
        self.sock.connect(self.path)
        self.sock.settimeout(self.timeout)


def from_socket(path, role, wait):
    """The bytes of a role's document."""
    connection = UnixConnection(path, timeout=30 + (wait or 0))
    try:
        connection.request("GET", f"/v1/roles/{role}/credentials" + (f"?wait={wait}" if wait is not None else ""))
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Fault("refused", f"the socket: {type(error).__name__}: {error}")
    finally:
        connection.close()
    if answer.status != 200:
        raise Fault("refused", f"the socket answered {answer.status} with {body[:200]!r}")
    return body


def from_file(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Fault("refused", f"the file: {error}")


def document(body, now):
    """A whole document that is good at `now`, and how many seconds it still is."""
    if not body:
        raise Fault("empty", "no bytes")
    try:
        read = json.loads(body)
        values = [read[name] for name in FIELDS]
        ends = datetime.datetime.strptime(read["Expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    except (ValueError, KeyError, TypeError) as error:
        raise Fault("torn", f"{type(error).__name__}: {error}, in {len(body)} bytes")
    if not all(values):
        raise Fault("empty", f"a field without a value: {[name for name in FIELDS if not read[name]]}")
    left = ends.timestamp() - now
    if left <= 0:
        raise Fault("expired", f"{read['AccessKeyId']} ended {-left:.1f} s ago")
    return read, left


def use(endpoint, context, read):
    try:
        status, answer = caller_identity(endpoint, context, read)
    except (OSError, http.client.HTTPException) as error:
        raise Fault("unused", f"STS can't be asked: {type(error).__name__}: {error}")
    if status == 200:
        return
    try:
        code = json.loads(answer).get("Code")
    except ValueError:
        code = None
    kind = "expired" if code == "InvalidSecurityToken.Expired" else "unused"
    raise Fault(kind, f"STS refused {read['AccessKeyId']}: {status} {code}")


def caller_identity(endpoint, context, document):
    """Asks STS who the credential belongs to; returns (status, body)."""
    empty = hashlib.sha256(b"").hexdigest()
    headers = {
        "host": endpoint,
        "x-acs-accesskey-id": document["AccessKeyId"],
        "x-acs-action": "GetCallerIdentity",
        "x-acs-content-sha256": empty,
        "x-acs-date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-security-token": document["SecurityToken"],
        "x-acs-signature-nonce": uuid.uuid4().hex,
        "x-acs-version": "2015-04-01",
    }
    names = ";".join(sorted(headers))
    block = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = "\n".join(["POST", "/", "", block, names, empty])
    to_sign = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    signature = hmac.new(document["AccessKeySecret"].encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={document['AccessKeyId']},SignedHeaders={names},Signature={signature}")
    connection = http.client.HTTPSConnection(endpoint, context=context, timeout=20)
    try:
        connection.request("POST", "/", body=b"", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket")
    parser.add_argument("--sts", required=True, help="HOST:PORT")
    parser.add_argument("--ca", required=True, help="PEM file of the authority that signed the STS's certificate")
    parser.add_argument("--interval", type=float, default=0.25, help="seconds between two reads of a role")
    parser.add_argument("--file", action="append", default=[], metavar="PATH", help="a credential file to read as well")
    parser.add_argument("--wait", type=int, help="seconds that the socket may wait for a session where there is none")
    parser.add_argument("--rotations", type=int, default=1, help="how often each role has to rotate at least")
    parser.add_argument("roles", nargs="*")
    options = parser.parse_args()
    if options.roles and not options.socket:
        parser.error("roles take --socket")

    context = ssl.create_default_context(cafile=options.ca)
    stopping = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.append(True))

    places = {role: functools.partial(from_socket, options.socket, role, options.wait) for role in options.roles}
    places.update({path: functools.partial(from_file, path) for path in options.file})
    seen = {place: [] for place in places}
    counts, words = dict.fromkeys(Fault.KINDS, 0), []
    reads, used, least_left = 0, 0, float("inf")
    started = time.monotonic()
    while not stopping:
        for place, content in places.items():
            reads += 1
            try:
                read, left = document(content(), time.time())
                least_left = min(least_left, left)
                use(options.sts, context, read)
                used += 1
                if read["AccessKeyId"] not in seen[place]:
                    seen[place].append(read["AccessKeyId"])
            except Fault as fault:
                counts[fault.kind] += 1
                words.append(f"{time.monotonic() - started:.1f} s, {place}: {fault.kind}: {fault}")
        time.sleep(options.interval)

    rotations = {place: len(keys) - 1 for place, keys in seen.items()}
    print(json.dumps({
        "seconds": round(time.monotonic() - started, 1), "reads": reads, "used": used, **counts,
        "least_left": round(least_left, 1) if used else 0, "rotations": rotations, "faults": len(words),
        "first_faults": words[:5]}))
    sys.exit(0 if not words and used and all(count >= options.rotations for count in rotations.values()) else 1)


main()
