#!/bin/sh
# osstorchconnector 1.2.3 (PyPI; OSS Connector for AI/ML): writing an object deletes the one of that name before anything is sent. If the upload then fails, both are gone.
#
# OSS replaces an object when PutObject or CompleteMultipartUpload succeeds, and operations on objects are atomic (the vendor's page "Terms"), so there is nothing to delete
# first. The connector's client sends DeleteObject as it opens an object for writing, and its OssCheckpoint writes that way. A training job that writes each checkpoint under
# the same name is left without any when an upload fails, say because its session has ended. A role needs oss:DeleteObject for it, too.
#
# A store that has the object, deletes it on request, and refuses to store another one with 403. Seen: DeleteObject, InitiateMultipartUpload, PutObject, an error, and no
# object. Only the compiled client is loaded, since the package's other modules import PyTorch. The bucket's name is looked up, so it is in the /etc/hosts of a mount namespace.
#
# Exit status: 0 when the package behaves as described, 1 when it doesn't any more, 2 when that can't be found out here.
set -eu

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
{
  python3 -m venv "$directory/venv" &&
    "$directory/venv/bin/pip" -q --disable-pip-version-check install --no-deps osstorchconnector==1.2.3
} >"$directory/log" 2>&1 || { cat "$directory/log" >&2; echo "the package can't be installed here (needs python3 with venv, and x86-64)" >&2; exit 2; }

cat >"$directory/write.py" <<'PYTHON'
import http.server
import json
import os
import subprocess
import sys
import sysconfig
import threading
import types
from urllib.parse import urlsplit

for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]

CHANGED = 3  # an uncaught exception is 1


class Store(http.server.BaseHTTPRequestHandler):
    """A bucket with one object, whose caller may delete it and not write another one."""

    protocol_version = "HTTP/1.1"
    objects = {"/key": b"the former checkpoint"}
    requests = []

    def do_DELETE(self):
        self.note("DeleteObject")
        Store.objects.pop(urlsplit(self.path).path, None)
        self.answer(204)

    def do_HEAD(self):
        self.note("HeadObject")
        self.answer(200 if urlsplit(self.path).path in Store.objects else 404)

    def do_POST(self):
        self.note("InitiateMultipartUpload")
        self.refuse()

    def do_PUT(self):
        self.note("PutObject")
        self.refuse()

    def note(self, action):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        Store.requests.append(action)

    def refuse(self):
        self.answer(403, b"<Error><Code>AccessDenied</Code><Message>You have no right to access this object.</Message></Error>")

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("x-oss-request-id", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


home = sys.argv[1]
if len(sys.argv) == 2:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # A process of its own: the client holds Python's global lock while it waits for an answer.
    client = subprocess.run([sys.executable, __file__, home, str(server.server_port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    error = next((line for line in client.stdout.splitlines() if line.startswith("error: ")), None)
    print("requests:", ", ".join(Store.requests))
    print(f"the former object is {'there' if Store.objects else 'gone'}; the connector says: {error}")
    if not Store.requests or not error:
        sys.exit(2)
    sys.exit(0 if Store.requests[0] == "DeleteObject" and not Store.objects else CHANGED)

with open(f"{home}/credential.json", "w") as file:
    json.dump({"AccessKeyId": "STS.id", "AccessKeySecret": "secret", "SecurityToken": "token", "Expiration": "2099-01-01T00:00:00Z"}, file)
with open(f"{home}/config.json", "w") as file:
    json.dump({"logLevel": 3, "logPath": f"{home}/connector.log", "auditPath": ""}, file)
package = types.ModuleType("connector")
package.__path__ = [f"{sysconfig.get_paths()['platlib']}/osstorchconnector"]
sys.modules["connector"] = package
from connector._oss_client import OssClient

client = OssClient(f"http://oss.test:{sys.argv[2]}", f"{home}/credential.json", f"{home}/config.json", "finding", region="cn-shanghai")
try:
    target = client.put_object("bucket", "key")
    target.write(b"the next checkpoint")
    if target.close() != 0:
        print("error:", target.error_msg())
except RuntimeError as raised:
    print("error:", raised)
PYTHON
printf '127.0.0.1 localhost oss.test bucket.oss.test\n' >"$directory/hosts"
status=0
HOME=$directory timeout 60 unshare --user --map-root-user --mount sh -c 'mount --bind "$1/hosts" /etc/hosts && exec "$1/venv/bin/python" "$1/write.py" "$1"' sh "$directory" || status=$?
case $status in
  0) echo "as described" ;;
  3) echo "the package has changed: an object isn't deleted any more before its successor is written"; status=1 ;;
  *) echo "can't be found out here"; status=2 ;;
esac
exit "$status"
