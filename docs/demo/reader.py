#!/usr/bin/env python3
"""Reads credentials from rolekeeper's socket, or from its files, and uses each one: GetCallerIdentity, signed with it, at the STS given.

Runs until it is told to stop (SIGTERM, SIGINT), then prints one line of JSON with what it saw, and exits 0 only if no
credential was refused, no answer was empty, and every role rotated often enough. It shares no code with the daemon: the signature below is
ACS3-HMAC-SHA256 with Python's own hmac.
"""
import argparse, datetime, hashlib, hmac, http.client, json, signal, socket, ssl, sys, time, uuid


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def credential(path, role):
    connection = UnixConnection(path)
    try:
        connection.request("GET", f"/v1/roles/{role}/credentials")
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def content(path):
    with open(path, "rb") as file:
        return 200, file.read()


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
    connection = http.client.HTTPSConnection(endpoint, context=context, timeout=10)
    try:
        connection.request("POST", "/", body=b"", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", help="for the roles given")
    parser.add_argument("--sts", required=True, help="HOST:PORT")
    parser.add_argument("--ca", required=True, help="PEM file of the authority that signed the STS's certificate")
    parser.add_argument("--interval", type=float, default=0.25, help="seconds between two reads of a role")
    parser.add_argument("--rotations", type=int, default=1, help="how often each role has to rotate at least")
    parser.add_argument("--file", action="append", default=[], help="a credential file to read as well")
    parser.add_argument("roles", nargs="*")
    options = parser.parse_args()
    if options.roles and not options.socket:
        parser.error("roles take --socket")
    places = options.roles + options.file

    context = ssl.create_default_context(cafile=options.ca)
    stopping = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.append(True))

    seen = {place: [] for place in places}
    reads, used, faults = 0, 0, []
    started = time.monotonic()
    while not stopping:
        for role in places:
            reads += 1
            try:
                status, body = content(role) if role in options.file else credential(options.socket, role)
                if status != 200 or not body:
                    faults.append(f"{role}: answered with {status} with {len(body)} bytes")
                    continue
                document = json.loads(body)
                status, answer = caller_identity(options.sts, context, document)
                if status != 200:
                    faults.append(f"{role}: STS refused {document['AccessKeyId']}: {status} {json.loads(answer).get('Code')}")
                    continue
                used += 1
                if document["AccessKeyId"] not in seen[role]:
                    seen[role].append(document["AccessKeyId"])
            except (OSError, ValueError, KeyError) as error:
                faults.append(f"{role}: {type(error).__name__}: {error}")
        time.sleep(options.interval)

    rotations = {role: len(keys) - 1 for role, keys in seen.items()}
    print(json.dumps({
        "seconds": round(time.monotonic() - started, 1), "reads": reads, "used": used, "rotations": rotations,
        "faults": len(faults), "first_faults": faults[:5]}))
    sys.exit(0 if not faults and used and all(count >= options.rotations for count in rotations.values()) else 1)


main()
