#!/usr/bin/env python3
"""Judges what readers of rolekeeper got, by using it: GetCallerIdentity, signed with it, at the STS given.

Listens on a Unix socket; a reader sends a line `ROLE FORMAT READ_AT LEAST LENGTH` and then LENGTH bytes, the document as it
came, and gets one line: a word, and details.

  ok        STS took it, and it belongs to the role
  empty     there was nothing
  torn      it isn't whole: no JSON or no variables, members missing, or twins that differ
  expired   it had ended when it was read (READ_AT, by this host's clock, in seconds)
  short     it had less than LEAST seconds left
  refused   STS didn't take it
  wrong     it is another role's
  late      it ended before STS could be asked

It shares no code with the daemon: the signature below is ACS3-HMAC-SHA256 with Python's own hmac.
"""
import argparse, calendar, datetime, hashlib, hmac, http.client, json, re, socketserver, ssl, time, uuid

TWINS = [("AccessKeyId", "access_key_id"), ("AccessKeySecret", "access_key_secret"), ("SecurityToken", "sts_token"),
         ("Expiration", "expiration")]
VARIABLES = {"AccessKeyId": "ALIBABA_CLOUD_ACCESS_KEY_ID", "AccessKeySecret": "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
             "SecurityToken": "ALIBABA_CLOUD_SECURITY_TOKEN", "Expiration": "ROLEKEEPER_EXPIRATION"}
OSS_TWINS = [("ALIBABA_CLOUD_ACCESS_KEY_ID", "OSS_ACCESS_KEY_ID"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "OSS_ACCESS_KEY_SECRET"),
             ("ALIBABA_CLOUD_SECURITY_TOKEN", "OSS_SESSION_TOKEN")]
TIMEOUT = 40  # seconds; longer than new connections are refused on purpose


class Torn(Exception):
    pass


def parse(body, form):
    """The four members of a credential document."""
    text = body.decode("ascii", errors="replace")
    if form == "env":
        found = dict(re.findall(r"^([A-Z_]+)='([^']*)'$", text, re.M))
        if not text.endswith("\n") or not re.search(r"^export [A-Z_ ]+\n\Z", text, re.M):
            raise Torn("the last line is missing")
        for one, other in OSS_TWINS:
            if found.get(one) != found.get(other):
                raise Torn(f"{one} and {other} differ")
        document = {name: found.get(variable) for name, variable in VARIABLES.items()}
    else:
        try:
            document = json.loads(text)
        except ValueError as error:
            raise Torn(str(error))
        if not text.endswith("\n") or document.get("Code") != "Success":
            raise Torn("no end, or no Code")
        for one, other in TWINS:
            if document.get(one) != document.get(other):
                raise Torn(f"{one} and {other} differ")
    for name in VARIABLES:
        if not document.get(name):
            raise Torn(f"{name} is missing or empty")
    return document


class Caller:
    """A connection to STS that stays; each reader has its own."""

    def __init__(self, endpoint, context):
        self.endpoint, self.context, self.connection = endpoint, context, None

    def identity(self, document):
        """Asks STS whom the credential belongs to; the status and the answer, or None when STS can't be reached for long."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPSConnection(self.endpoint, context=self.context, timeout=20)
                self.connection.request("POST", "/", body=b"", headers=self.sign(document))
                answer = self.connection.getresponse()
                return answer.status, json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError):
                self.connection.close()
                self.connection = None
                time.sleep(0.05)
        return None

    def sign(self, document):
        empty = hashlib.sha256(b"").hexdigest()
        headers = {
            "host": self.endpoint,
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
        return headers


def judge(caller, role, form, read_at, least, body):
    if not body.strip():
        return "empty"
    try:
        document = parse(body, form)
        ends = calendar.timegm(time.strptime(document["Expiration"], "%Y-%m-%dT%H:%M:%SZ"))
    except (Torn, ValueError) as error:
        return f"torn {error}"
    key = document["AccessKeyId"]
    if ends <= read_at:
        return f"expired {key} ended {read_at - ends:.3f} s before it was read"
    # The end is given in whole seconds, and the server's clock is known to the second.
    if ends - read_at < least - 1:
        return f"short {key} had {ends - read_at:.1f} s left, {least} s were asked for"
    said = caller.identity(document)
    if time.time() >= ends and (said is None or said[0] != 200):
        return f"late {key}"
    if said is None:
        return f"late {key} and STS could not be reached"
    status, answer = said
    if status != 200:
        return f"refused {key}: {status} {answer.get('Code')}"
    if f":assumed-role/{role}/" not in answer.get("Arn", ""):
        return f"wrong {key} belongs to {answer.get('Arn')}"
    return f"ok {key}"


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        caller = Caller(self.server.sts, self.server.context)
        while line := self.rfile.readline():
            role, form, read_at, least, length = line.decode().split()
            verdict = judge(caller, role, form, float(read_at), int(least), self.rfile.read(int(length)))
            self.wfile.write(f"{verdict}\n".encode())


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", required=True, help="the Unix socket to make")
    parser.add_argument("--sts", required=True, help="HOST:PORT")
    parser.add_argument("--ca", required=True, help="PEM file of the authority that signed the STS's certificate")
    options = parser.parse_args()
    server = Server(options.listen, Session)
    server.sts = options.sts
    server.context = ssl.create_default_context(cafile=options.ca)
    print("listening", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
