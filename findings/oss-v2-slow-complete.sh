#!/bin/sh
# alibabacloud-oss-v2 1.4.1 (PyPI): an upload whose CompleteMultipartUpload takes longer than the read timeout (readwrite_timeout, 20 s unless set) is reported as failed
# although the object is there.
#
# The vendor's page "CompleteMultipartUpload" says that the call may take some time, goes on when the client is disconnected, and makes the upload id invalid. The SDK treats
# the timeout as a lost request and sends CompleteMultipartUpload again; the answer is then 404 NoSuchUpload, and the Uploader raises UploadError with that code and tries to
# abort the upload. A job that believes the error sends the whole file again. A 5xx sent after the work was done ends the same way. HeadObject (its CRC64) tells the cases apart.
#
# Three parts, readwrite_timeout=1, a store that completes the upload in 1.5 s; a second call that comes meanwhile waits for the first, since what OSS does with it isn't
# documented. Seen: UploadError … NoSuchUpload, with the whole object stored.
#
# Exit status: 0 when the package behaves as described, 1 when it doesn't any more, 2 when that can't be found out here.
set -eu

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
{
  python3 -m venv "$directory/venv" &&
    "$directory/venv/bin/pip" -q --disable-pip-version-check install alibabacloud-oss-v2==1.4.1 requests==2.34.2
} >"$directory/log" 2>&1 || { cat "$directory/log" >&2; echo "the packages can't be installed here (needs python3 with venv)" >&2; exit 2; }

cat >"$directory/complete.py" <<'PYTHON'
import hashlib
import http.server
import os
import sys
import tempfile
import threading
import time
from urllib.parse import parse_qs, urlsplit

for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]

import alibabacloud_oss_v2 as oss
from alibabacloud_oss_v2.crc import Crc64

CHANGED = 3  # an uncaught exception is 1
PART = 128 * 1024


def crc64(data):
    crc = Crc64(0)
    crc.update(data)
    return str(crc.sum64())


class Store(http.server.BaseHTTPRequestHandler):
    """One upload. After its completion the id is unknown, as in OSS."""

    protocol_version = "HTTP/1.1"
    parts = {}
    stored = None
    completing = threading.Lock()
    requests = []

    def do_POST(self):
        self.read_body()
        if "uploads" in self.query:
            self.note("InitiateMultipartUpload")
            return self.answer(200, b"<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>key</Key><UploadId>1</UploadId></InitiateMultipartUploadResult>")
        self.note("CompleteMultipartUpload")
        with Store.completing:
            if Store.stored is not None:
                return self.no_such_upload()
            time.sleep(1.5)
            Store.stored = b"".join(Store.parts[number] for number in sorted(Store.parts))
        self.answer(200, b'<CompleteMultipartUploadResult><Bucket>bucket</Bucket><Key>key</Key><ETag>"1-3"</ETag></CompleteMultipartUploadResult>',
                    **{"x-oss-hash-crc64ecma": crc64(Store.stored)})

    def do_PUT(self):
        body = self.read_body()
        self.note("UploadPart")
        Store.parts[int(self.query["partNumber"][0])] = body
        self.answer(200, b"", **{"ETag": f'"{hashlib.md5(body).hexdigest().upper()}"', "x-oss-hash-crc64ecma": crc64(body)})

    def do_DELETE(self):
        self.read_body()
        self.note("AbortMultipartUpload")
        self.no_such_upload()

    def read_body(self):
        self.query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def note(self, action):
        Store.requests.append(action)

    def no_such_upload(self):
        self.answer(404, b"<Error><Code>NoSuchUpload</Code><Message>The specified upload does not exist.</Message></Error>")

    def answer(self, status, body, **headers):
        try:
            self.send_response(status)
            for name, value in {"x-oss-request-id": "1", "Content-Length": len(body), **headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(body)
        except BrokenPipeError:
            self.close_connection = True

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
threading.Thread(target=server.serve_forever, daemon=True).start()
config = oss.config.load_default()
config.credentials_provider = oss.credentials.StaticCredentialsProvider("id", "secret", "token")
config.region, config.endpoint = "cn-shanghai", f"http://127.0.0.1:{server.server_port}"
config.readwrite_timeout = 1

with tempfile.NamedTemporaryFile() as file:
    content = os.urandom(3 * PART)
    file.write(content)
    file.flush()
    error = None
    try:
        oss.Client(config).uploader(part_size=PART).upload_file(oss.PutObjectRequest(bucket="bucket", key="key"), file.name)
    except Exception as raised:
        error = raised

whole = Store.stored == content
failed = isinstance(error, oss.uploader.UploadError) and "NoSuchUpload" in str(error)
print("requests:", ", ".join(Store.requests))
print(f"the object is {'whole' if whole else 'missing or broken'}; the SDK says: {'UploadError, NoSuchUpload' if failed else repr(error)}")
if not whole:
    sys.exit(2)
sys.exit(0 if failed and Store.requests.count("CompleteMultipartUpload") == 2 else CHANGED)
PYTHON
status=0
HOME=$directory timeout 60 "$directory/venv/bin/python" "$directory/complete.py" || status=$?
case $status in
  0) echo "as described" ;;
  3) echo "the package has changed: a slow completion isn't reported as a failure any more"; status=1 ;;
  *) echo "can't be found out here"; status=2 ;;
esac
exit "$status"
