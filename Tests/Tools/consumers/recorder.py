"""A stand-in for services that the emulator doesn't have: it accepts what a valid session of the role has signed."""

import base64
import hashlib
import hmac
import http.server
import subprocess
import threading
import time
import urllib.parse


class Refused(Exception):
    pass


class Recorder:
    """Listens on loopback. `read` takes a request and returns its AccessKeyId, token, signature and a function that signs it with a secret.

    `handle` takes it, too, and returns status, headers and body of the answer to a request that is accepted.
    """

    def __init__(self, place, read, answer=b"", handle=None):
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def take(self):
                self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                verdict = recorder.judge(self)
                recorder.verdicts.append(verdict)
                if isinstance(verdict, Exception) and handle:
                    status, headers, body = 403, {}, b"<Error><Code>InvalidAccessKeyId</Code></Error>"
                else:
                    status, headers, body = handle(self) if handle else (200, {}, answer)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = take

            def log_message(self, *words):
                pass

        place.recorder = self
        self.place = place
        self.read = read
        self.sessions = {}
        self.verdicts = []
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"

    def judge(self, request):
        try:
            key, token, signature, sign = self.read(request)
            session = self.session(key)
            if token != session["SecurityToken"]:
                raise Refused(f"the token beside {key} is of another session")
            if not hmac.compare_digest(signature, sign(session["AccessKeySecret"])):
                raise Refused(f"the signature by {key} was made with another secret")
            return key
        except Exception as error:
            return error

    def session(self, key):
        """The role's session with this AccessKeyId, if it is valid."""
        try:
            current = self.place.get()
            self.sessions[current["AccessKeyId"]] = current
        except subprocess.CalledProcessError:
            pass  # The daemon is down, and its sessions are valid all the same.
        session = self.sessions.get(key)
        if session is None:
            raise Refused(f"the AccessKeyId {key} is unknown")
        if key in self.place.dead or session["Expiration"] < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()):
            raise Refused(f"the session {key} has ended")
        return session

    def result(self):
        """The AccessKeyId of the latest request; raises what is wrong with it."""
        if not self.verdicts:
            raise Refused("no request was made")
        if self.refusal():
            raise self.refusal()
        return self.verdicts[-1]

    def refusal(self):
        """What was wrong with the latest request, if something was."""
        return self.verdicts[-1] if self.verdicts and isinstance(self.verdicts[-1], Exception) else None



def mac(key, text, digest):
    return hmac.new(key if isinstance(key, bytes) else key.encode(), text.encode(), digest).digest()


def base64_mac(key, text, digest):
    return base64.b64encode(mac(key, text, digest)).decode()

    def refusal(self):
        """What was wrong with the latest request, if something was."""
        return self.verdicts[-1] if self.verdicts and isinstance(self.verdicts[-1], Exception) else None


# Two packages add these when they have signed.
UNSIGNED = ("x-log-date", "x-ots-signature")


def prefixed(headers, *prefixes):
    """Lines `name:value` of the signed headers with one of these prefixes, sorted."""
    found = sorted((name.lower(), value) for name, value in headers.items()
                   if name.lower().startswith(prefixes) and name.lower() not in UNSIGNED)
    return [f"{name}:{value}" for name, value in found]


def header_form(scheme, digest, prefixes, token_header):
    """The form of most of the vendor's services: `Authorization: SCHEME KEY:SIGNATURE` of method, MD5, type, date, headers, resource."""

    def read(request):
        key, signature = request.headers["Authorization"].removeprefix(scheme + " ").rsplit(":", 1)
        lines = [request.command] + [request.headers.get(name, "") for name in ("Content-MD5", "Content-Type", "Date")]
        text = "\n".join(lines + prefixed(request.headers, *prefixes) + [resource(request, with_equals=scheme == "LOG")])
        return key, request.headers[token_header], signature, lambda secret: base64_mac(secret, text, digest)

    return read


def resource(request, with_equals=False):
    """The decoded path and the sorted parameters; `with_equals` keeps the sign behind a name that has an empty value."""
    path, _, query = request.path.partition("?")
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    text = "&".join(f"{name}={value}" if value or with_equals else name for name, value in pairs)
    return urllib.parse.unquote(path) + (f"?{text}" if text else "")


log = header_form("LOG", hashlib.sha1, ("x-log-", "x-acs-"), "x-acs-security-token")
mns = header_form("MNS", hashlib.sha1, ("x-mns-",), "security-token")
oss = header_form("OSS", hashlib.sha1, ("x-oss-",), "x-oss-security-token")
fc = header_form("FC", hashlib.sha256, ("x-fc-",), "x-fc-security-token")


def derived(key, words):
    """A signing key of the V4 signatures."""
    for word in words:
        key = mac(key, word, hashlib.sha256)
    return key


def encoded(text, safe="-_.~"):
    return urllib.parse.quote(text, safe=safe)


def oss4(request):
    """OSS, V4, in the header."""
    path, _, query = request.path.partition("?")
    claim = request.headers["Authorization"].removeprefix("OSS4-HMAC-SHA256 ")
    fields = dict(field.strip().split("=", 1) for field in claim.split(","))
    key, *scope = fields["Credential"].split("/")
    more = fields.get("AdditionalHeaders", "")
    names = sorted({name.lower() for name in request.headers if name.lower().startswith("x-oss-")
                    or name.lower() in ("content-type", "content-md5")} | set(more.split(";")) - {""})
    pairs = sorted((encoded(name), encoded(value)) for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True))
    canonical = "\n".join([
        request.command, encoded(urllib.parse.unquote(path), "/-_.~"),
        "&".join(f"{name}={value}" if value else name for name, value in pairs),
        *(f"{name}:{request.headers[name].strip()}" for name in names), "", more, "UNSIGNED-PAYLOAD"])
    text = "\n".join([
        "OSS4-HMAC-SHA256", request.headers["x-oss-date"], "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()])

    def sign(secret):
        return mac(derived("aliyun_v4" + secret, scope), text, hashlib.sha256).hex()

    return key, request.headers["x-oss-security-token"], fields["Signature"], sign


def odps(request):
    """MaxCompute, V4: the signing key is derived from the secret, the date and the region."""
    claim, signature = request.headers["Authorization"].removeprefix("ODPS ").rsplit(":", 1)
    key, *scope = claim.split("/")
    headers = {name: request.headers.get(name, "") for name in ("Content-MD5", "Content-Type", "Date")}
    headers |= {name: value for name, value in request.headers.items() if name.lower().startswith("x-odps-")}
    lines = [f"{name.lower()}:{value}" if name.lower().startswith("x-odps-") else value
             for name, value in sorted(headers.items(), key=lambda item: item[0].lower())]
    text = "\n".join([request.command] + lines + [resource(request)])

    def sign(secret):
        return base64_mac(derived("aliyun_v4" + secret, scope), text, hashlib.sha1)

    return key, request.headers["authorization-sts-token"], signature, sign


def tablestore(request):
    text = "\n".join([request.path, request.command, ""] + prefixed(request.headers, "x-ots-")) + "\n"
    return (request.headers["x-ots-accesskeyid"], request.headers["x-ots-ststoken"], request.headers["x-ots-signature"],
            lambda secret: base64_mac(secret, text, hashlib.sha1))
