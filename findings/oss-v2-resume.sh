#!/bin/sh
# alibabacloud-oss-v2 1.4.1 (PyPI): with enable_checkpoint, Uploader.upload_file resumes only if ListParts succeeds. Any failure of that one call (permission, expired token, 503)
# is swallowed: the file is sent again from its first byte under a new upload id, the parts already stored stay behind, and the result is a plain success.
#
# The vendor's page "File upload manager (Python SDK V2)" names oss:PutObject as the permission needed and says that the parts already uploaded are skipped. With oss:PutObject
# alone (ListParts needs oss:ListParts) no upload is ever resumed; an abandoned upload is stored, and charged, until a lifecycle rule or AbortMultipartUpload removes it.
#
# A file of ten parts whose tenth failed in the first run; the second run, by the answer to ListParts:
#     200               sends 1 part
#     403 AccessDenied  sends 10 parts, leaves 9 behind, raises nothing
#     503 (three times) sends 10 parts, leaves 9 behind, raises nothing
#
# Exit status: 0 when the package behaves as described, 1 when it doesn't any more, 2 when that can't be found out here.
set -eu

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
{
  python3 -m venv "$directory/venv" &&
    "$directory/venv/bin/pip" -q --disable-pip-version-check install alibabacloud-oss-v2==1.4.1 requests==2.34.2
} >"$directory/log" 2>&1 || { cat "$directory/log" >&2; echo "the packages can't be installed here (needs python3 with venv)" >&2; exit 2; }

cat >"$directory/resume.py" <<'PYTHON'
import hashlib
import http.server
import os
import sys
import tempfile
import threading
from urllib.parse import parse_qs, urlsplit

for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]

import alibabacloud_oss_v2 as oss
from alibabacloud_oss_v2.crc import Crc64

CHANGED = 3  # an uncaught exception is 1
PART, PARTS = 128 * 1024, 10


def etag(data):
    return f'"{hashlib.md5(data).hexdigest().upper()}"'


def crc64(data):
    crc = Crc64(0)
    crc.update(data)
    return str(crc.sum64())


class Store(http.server.BaseHTTPRequestHandler):
    """Uploads by id. `listing` is the status of ListParts; `refused` a part number that an expired token meets."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.read_body()
        if "uploads" in self.query:
            Store.uploads.append({})
            return self.answer(200, f"<InitiateMultipartUploadResult><UploadId>{len(Store.uploads)}</UploadId></InitiateMultipartUploadResult>")
        Store.stored = b"".join(part for _, part in sorted(self.upload.items()))
        self.upload.clear()
        self.answer(200, "<CompleteMultipartUploadResult><Key>key</Key></CompleteMultipartUploadResult>", **{"x-oss-hash-crc64ecma": crc64(Store.stored)})

    def do_PUT(self):
        body = self.read_body()
        number = int(self.query["partNumber"][0])
        Store.sent += 1
        if number == Store.refused:
            return self.error(403, "SecurityTokenExpired")
        self.upload[number] = body
        self.answer(200, "", **{"ETag": etag(body), "x-oss-hash-crc64ecma": crc64(body)})

    def do_GET(self):
        self.read_body()
        if Store.listing != 200:
            return self.error(Store.listing, {403: "AccessDenied", 503: "ServiceUnavailable"}[Store.listing])
        parts = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag(part)}</ETag><HashCrc64ecma>{crc64(part)}</HashCrc64ecma><Size>{len(part)}</Size></Part>"
                        for number, part in sorted(self.upload.items()))
        self.answer(200, f"<ListPartsResult><MaxParts>1000</MaxParts><IsTruncated>false</IsTruncated>{parts}</ListPartsResult>")

    def read_body(self):
        self.query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        if "uploadId" in self.query:
            self.upload = Store.uploads[int(self.query["uploadId"][0]) - 1]
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def error(self, status, code):
        self.answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>")

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"x-oss-request-id": "1", "Content-Length": len(body), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
threading.Thread(target=server.serve_forever, daemon=True).start()
config = oss.config.load_default()
config.credentials_provider = oss.credentials.StaticCredentialsProvider("id", "secret", "token")
config.region, config.endpoint = "cn-shanghai", f"http://127.0.0.1:{server.server_port}"

behaves = True
for listing, expected in ((200, (1, 0)), (403, (10, 9)), (503, (10, 9))):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "file")
        content = os.urandom(PART * PARTS)
        with open(path, "wb") as file:
            file.write(content)
        uploader = oss.Client(config).uploader(part_size=PART, parallel_num=1, enable_checkpoint=True, checkpoint_dir=directory + "/")
        request = oss.PutObjectRequest(bucket="bucket", key="key")
        Store.uploads, Store.sent, Store.listing, Store.refused = [], 0, listing, PARTS
        try:
            uploader.upload_file(request, path)
            sys.exit(2)
        except oss.uploader.UploadError:
            pass
        Store.sent, Store.refused = 0, None
        uploader.upload_file(request, path)
        left = sum(len(upload) for upload in Store.uploads)
        print(f"ListParts {listing}: {Store.sent} of {PARTS} parts sent in the second run, {left} left behind, object {'whole' if Store.stored == content else 'broken'}")
        behaves &= (Store.sent, left) == expected and Store.stored == content
sys.exit(0 if behaves else CHANGED)
PYTHON
status=0
HOME=$directory timeout 60 "$directory/venv/bin/python" "$directory/resume.py" || status=$?
case $status in
  0) echo "as described" ;;
  3) echo "the package has changed: a failing ListParts doesn't start the upload again any more"; status=1 ;;
  *) echo "can't be found out here"; status=2 ;;
esac
exit "$status"
