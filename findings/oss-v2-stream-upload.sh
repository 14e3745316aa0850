#!/bin/sh
# alibabacloud-oss-v2 1.4.1 (PyPI): Uploader.upload_from with its default of three parallel parts reads a stream to its end whatever becomes of the parts: parts that wait
# to be sent stay in memory without a limit, and a part that failed is noticed only when the stream has ended.
#
# A stream of 60 parts that can't seek, and a service that answers part 1 with SecurityTokenExpired at once and takes 0.1 s for each of the others:
#     parallel_num=1            reads 1 part and stops
#     parallel_num=3 (default)  reads all 60 parts, most of them before they can be sent, then reports part 1
# So a dump piped into OSS takes as much memory as the network is behind its source, and a token that has expired at the start is reported at the end of the dump.
#
# A pipe of the operating system, such as sys.stdin.buffer, isn't accepted at all: OSError "Illegal seek" before the first request. It has to be wrapped in an object
# without seek and tell.
#
# Exit status: 0 when the package behaves as described, 1 when it doesn't any more, 2 when that can't be found out here.
set -eu

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
{
  python3 -m venv "$directory/venv" &&
    "$directory/venv/bin/pip" -q --disable-pip-version-check install alibabacloud-oss-v2==1.4.1 requests==2.34.2
} >"$directory/log" 2>&1 || { cat "$directory/log" >&2; echo "the packages can't be installed here (needs python3 with venv)" >&2; exit 2; }

cat >"$directory/stream.py" <<'PYTHON'
import hashlib
import http.server
import os
import sys
import threading
import time

for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]

import alibabacloud_oss_v2 as oss
from alibabacloud_oss_v2.crc import Crc64

CHANGED = 3  # an uncaught exception is 1
PART = 128 * 1024
PARTS = 60


class Store(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(200, b"<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>key</Key><UploadId>1</UploadId></InitiateMultipartUploadResult>")

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "partNumber=1&" in self.path + "&":
            return self.answer(403, b"<Error><Code>SecurityTokenExpired</Code><Message>The security token you provided has expired.</Message></Error>")
        time.sleep(0.1)
        sent.append(stream.read_parts)
        crc = Crc64(0)
        crc.update(body)
        self.answer(200, b"", **{"ETag": f'"{hashlib.md5(body).hexdigest().upper()}"', "x-oss-hash-crc64ecma": str(crc.sum64())})

    def do_DELETE(self):
        self.answer(204, b"")

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"x-oss-request-id": "1", "Content-Length": len(body), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Stream:
    """PARTS parts, each of which takes 5 ms to come."""

    read_parts = 0

    def read(self, size=-1):
        if self.read_parts == PARTS:
            return b""
        time.sleep(0.005)
        self.read_parts += 1
        return bytes(PART)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
threading.Thread(target=server.serve_forever, daemon=True).start()
config = oss.config.load_default()
config.credentials_provider = oss.credentials.StaticCredentialsProvider("id", "secret", "token")
config.region, config.endpoint = "cn-shanghai", f"http://127.0.0.1:{server.server_port}"


def upload(source, **options):
    """The error of an upload of `source`."""
    try:
        oss.Client(config).uploader(part_size=PART, **options).upload_from(oss.PutObjectRequest(bucket="bucket", key="key"), source)
    except Exception as error:
        return error


behaves = True
for name, options, expected in (("parallel_num=1", {"parallel_num": 1}, range(1, 2)), ("default", {}, range(PARTS, PARTS + 1))):
    sent, stream = [], Stream()
    error = upload(stream, **options)
    if "SecurityTokenExpired" not in str(error):
        sys.exit(2)
    ahead = max((read - number for number, read in enumerate(sent)), default=0)
    print(f"{name}: {stream.read_parts} of {PARTS} parts read, at most {ahead} of them not yet sent, then: SecurityTokenExpired for part 1")
    behaves &= stream.read_parts in expected and (name != "default" or ahead > 20)

reading, writing = os.pipe()
os.close(writing)
error = upload(os.fdopen(reading, "rb"))
print(f"a pipe: {error!r}")
behaves &= isinstance(error, OSError) and "Illegal seek" in str(error)
sys.exit(0 if behaves else CHANGED)
PYTHON
status=0
HOME=$directory timeout 60 "$directory/venv/bin/python" "$directory/stream.py" || status=$?
case $status in
  0) echo "as described" ;;
  3) echo "the package has changed: a stream is no longer read ahead of its parts, or a pipe is accepted"; status=1 ;;
  *) echo "can't be found out here"; status=2 ;;
esac
exit "$status"
