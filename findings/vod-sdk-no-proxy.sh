#!/bin/sh
# alibabacloud_vod20170321 3.12.1 (PyPI; alibabacloud_tea_openapi 0.4.6, darabonba-core 1.0.9): the no_proxy parameter has no effect, in Config as in RuntimeOptions,
# in synchronous as in asynchronous calls. A host that it names is still asked through the proxy.
#
# The vendor's page "Proxy configuration" (Python SDK V2.0) says that the variable NO_PROXY isn't supported and that no_proxy, a comma-separated list of names and addresses,
# is the way to keep hosts away from the proxy. The synchronous call puts the value among the proxies of requests' Session.send, which doesn't look there; the asynchronous one
# doesn't read it.
#
# What is left: no proxy parameter, no HTTP_PROXY and no HTTPS_PROXY in that process.
#
# Expected: each call goes to the service directly. Seen: each one reaches the proxy.
#
# Exit status: 0 when the package behaves as described, 1 when it doesn't any more, 2 when that can't be found out here.
set -eu

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
{
  python3 -m venv "$directory/venv" &&
    "$directory/venv/bin/pip" -q --disable-pip-version-check install alibabacloud_vod20170321==3.12.1 alibabacloud_tea_openapi==0.4.6 \
      darabonba-core==1.0.9 alibabacloud-tea==0.4.3 alibabacloud-tea-util==0.3.15 requests==2.34.2 aiohttp==3.14.5
} >"$directory/log" 2>&1 || { cat "$directory/log" >&2; echo "the packages can't be installed here (needs python3 with venv)" >&2; exit 2; }

cat >"$directory/no_proxy.py" <<'PYTHON'
import asyncio
import http.server
import json
import os
import sys
import threading

for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]

from alibabacloud_tea_openapi.utils_models import Config
from alibabacloud_tea_util.models import RuntimeOptions
from alibabacloud_vod20170321.client import Client
from alibabacloud_vod20170321.models import CreateUploadVideoRequest


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        reached.append(self.server.name)
        body = json.dumps({"RequestId": "1", "VideoId": "1", "UploadAddress": "e30=", "UploadAuth": "e30="}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def listen(name):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.name = name
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"127.0.0.1:{server.server_port}"


CHANGED = 3  # an uncaught exception is 1
reached = []
service = listen("service")
around = {"http_proxy": "http://" + listen("proxy"), "no_proxy": "127.0.0.1"}
request = CreateUploadVideoRequest(title="title", file_name="a.mp4")
plain = Config(access_key_id="id", access_key_secret="secret", endpoint=service, protocol="http")
proxied = Config(access_key_id="id", access_key_secret="secret", endpoint=service, protocol="http", **around)

calls = {
    "no proxy at all": lambda: Client(plain).create_upload_video(request),
    "Config": lambda: Client(proxied).create_upload_video(request),
    "RuntimeOptions": lambda: Client(plain).create_upload_video_with_options(request, RuntimeOptions(**around)),
    "Config, asynchronous": lambda: asyncio.run(Client(proxied).create_upload_video_async(request)),
}
for name, call in calls.items():
    call()
    print(f"{name}: reached the {reached[-1]}")
if reached[:1] != ["service"] or len(reached) != len(calls):
    sys.exit(2)
sys.exit(0 if reached[1:] == ["proxy"] * 3 else CHANGED)
PYTHON
status=0
HOME=$directory timeout 60 "$directory/venv/bin/python" "$directory/no_proxy.py" || status=$?
case $status in
  0) echo "as described" ;;
  3) echo "the package has changed: no_proxy keeps a host away from the proxy"; status=1 ;;
  *) echo "can't be found out here"; status=2 ;;
esac
exit "$status"
