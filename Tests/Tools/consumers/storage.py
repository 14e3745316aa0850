"""A small S3 for tools that need more of one than the emulator's OSS has: it keeps objects in memory and lists them."""

import hashlib
import threading
import urllib.parse
import xml.sax.saxutils

import recorder


class Storage:
    """Keeps the objects of one bucket; `Recorder` answers with what `handle` returns."""

    def __init__(self):
        self.objects = {}
        self.lock = threading.Lock()

    def handle(self, request):
        """Status, headers and body of the answer."""
        path, _, query = request.path.partition("?")
        parameters = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        key = urllib.parse.unquote(path).removeprefix("/bucket").removeprefix("/")
        with self.lock:
            if not key:
                return self.list(parameters)
            if request.command == "PUT":
                self.objects[key] = body = content(request)
                return 200, {"ETag": etag(body)}, b""
            if request.command == "DELETE":
                self.objects.pop(key, None)
                return 204, {}, b""
            if key not in self.objects:
                return 404, {}, b"<Error><Code>NoSuchKey</Code></Error>"
            return part(self.objects[key], request.headers.get("Range"))

    def list(self, parameters):
        if "location" in parameters:
            return 200, {}, b"<LocationConstraint>us-east-1</LocationConstraint>"
        prefix = parameters.get("prefix", "")
        items = "".join(
            f"<Contents><Key>{xml.sax.saxutils.escape(key)}</Key><Size>{len(body)}</Size><ETag>{etag(body)}</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key, body in sorted(self.objects.items()) if key.startswith(prefix))
        return 200, {"Content-Type": "application/xml"}, (
            f"<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated>{items}</ListBucketResult>").encode()


def etag(body):
    return f'"{hashlib.md5(body).hexdigest()}"'


def content(request):
    """The body without the signatures of its chunks, which minio's Go package puts in where there is no TLS."""
    if not request.headers.get("X-Amz-Content-Sha256", "").startswith("STREAMING-"):
        return request.body
    body, rest = b"", request.body
    while rest:
        head, _, rest = rest.partition(b"\r\n")
        size = int(head.split(b";")[0], 16)
        body, rest = body + rest[:size], rest[size + 2:]
    return body


def part(body, asked):
    headers = {"ETag": etag(body), "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
    if not asked:
        return 200, headers, body
    first, last = asked.removeprefix("bytes=").split("-")
    piece = body[int(first):int(last) + 1 if last else None] if first else body[-int(last):]
    return 206, headers | {"Content-Range": f"bytes {first}-{int(first) + len(piece) - 1}/{len(body)}"}, piece


def aws4(request):
    """AWS signature V4 for S3, in the header or the query."""
    path, _, query = request.path.partition("?")
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    parameters = dict(pairs)
    if "X-Amz-Signature" in parameters:
        fields = {name.removeprefix("X-Amz-"): value for name, value in parameters.items()}
        date, token, payload = fields["Date"], fields.get("Security-Token"), "UNSIGNED-PAYLOAD"
        pairs = [(name, value) for name, value in pairs if name != "X-Amz-Signature"]
    else:
        claim = request.headers["Authorization"].removeprefix("AWS4-HMAC-SHA256 ")
        fields = dict(field.strip().split("=", 1) for field in claim.split(","))
        date, token = request.headers["X-Amz-Date"], request.headers.get("X-Amz-Security-Token")
        payload = request.headers["X-Amz-Content-Sha256"]
    key, *scope = fields["Credential"].split("/")
    names = fields["SignedHeaders"].split(";")

    canonical = "\n".join([
        request.command, recorder.encoded(urllib.parse.unquote(path), "/-_.~"),
        "&".join(f"{recorder.encoded(name)}={recorder.encoded(value)}" for name, value in sorted(pairs)),
        *(f"{name}:{' '.join(request.headers[name].split())}" for name in names), "", ";".join(names), payload])
    text = "\n".join(["AWS4-HMAC-SHA256", date, "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()])

    def sign(secret):
        return recorder.mac(recorder.derived("AWS4" + secret, scope), text, hashlib.sha256).hex()

    return key, token, fields["Signature"], sign
