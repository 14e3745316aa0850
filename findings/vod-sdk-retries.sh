#!/bin/sh
# alibabacloud_tea_openapi 0.4.6 (PyPI), under alibabacloud_vod20170321 3.12.1: RuntimeOptions(autoretry=True, max_attempts=3) is accepted and has no effect: one request, no retry.
#
# The vendor's page "Retry mechanism" (Python SDK V2.0) gives exactly these two parameters for retrying after a network failure. 0.3.16 obeyed them; 0.4 reads retries
# from Config(retry_options=RetryOptions(...)) alone, where a network failure goes by the exception's name RetryError. An upgrade therefore turns retries off without a message.
#
# CreateUploadVideo against a service that closes each connection after the request, requests seen:
#     0.3.16, autoretry and max_attempts=3                  4
#     0.4.6,  autoretry and max_attempts=3                  1
#     0.4.6,  retry_options with maxAttempts 3, RetryError  3, since there the first request is counted
#
# Exit status: 0 when the package behaves as described, 1 when it doesn't any more, 2 when that can't be found out here.
set -eu

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
install() {
  environment=$1
  shift
  python3 -m venv "$directory/$environment" &&
    "$directory/$environment/bin/pip" -q --disable-pip-version-check install "$@"
}
{
  install old alibabacloud_tea_openapi==0.3.16 alibabacloud-tea==0.4.3 alibabacloud-tea-util==0.3.15 requests==2.34.2 &&
    install new alibabacloud_vod20170321==3.12.1 alibabacloud_tea_openapi==0.4.6 darabonba-core==1.0.9 alibabacloud-tea==0.4.3 \
      alibabacloud-tea-util==0.3.15 requests==2.34.2
} >"$directory/log" 2>&1 || { cat "$directory/log" >&2; echo "the packages can't be installed here (needs python3 with venv)" >&2; exit 2; }

cat >"$directory/service.py" <<'PYTHON'
"""A VOD endpoint on loopback that takes each request whole and closes the connection without an answer."""
import http.server
import os
import threading

for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]


class Service(http.server.BaseHTTPRequestHandler):
    requests = 0

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        Service.requests += 1
        self.close_connection = True

    def log_message(self, *arguments):
        pass


def requests_of(call):
    """How many requests `call(endpoint)` makes before it raises."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Service.requests = 0
    try:
        call(f"127.0.0.1:{server.server_port}")
    except Exception as error:
        if "Connection aborted" not in str(error):
            raise
    server.shutdown()
    return Service.requests
PYTHON
cat >"$directory/old.py" <<'PYTHON'
from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.models import Config, OpenApiRequest, Params
from alibabacloud_tea_util.models import RuntimeOptions
from service import requests_of


def call(endpoint):
    client = Client(Config(access_key_id="id", access_key_secret="secret", endpoint=endpoint, protocol="http"))
    action = Params(action="CreateUploadVideo", version="2017-03-21", protocol="HTTP", pathname="/", method="POST", auth_type="AK",
                    style="RPC", req_body_type="formData", body_type="json")
    client.call_api(action, OpenApiRequest(query={"Title": "title", "FileName": "a.mp4"}), RuntimeOptions(autoretry=True, max_attempts=3))


print(requests_of(call))
PYTHON
cat >"$directory/new.py" <<'PYTHON'
from alibabacloud_tea_openapi.utils_models import Config
from alibabacloud_tea_util.models import RuntimeOptions
from alibabacloud_vod20170321.client import Client
from alibabacloud_vod20170321.models import CreateUploadVideoRequest
from darabonba.policy.retry import RetryOptions
from service import requests_of


def call(endpoint, runtime, **options):
    client = Client(Config(access_key_id="id", access_key_secret="secret", endpoint=endpoint, protocol="http", **options))
    client.create_upload_video_with_options(CreateUploadVideoRequest(title="title", file_name="a.mp4"), runtime)


retries = RetryOptions({"retryable": True, "retryCondition": [{"maxAttempts": 3, "exception": ["RetryError"]}]})
print(requests_of(lambda endpoint: call(endpoint, RuntimeOptions(autoretry=True, max_attempts=3))))
print(requests_of(lambda endpoint: call(endpoint, RuntimeOptions(), retry_options=retries)))
PYTHON
run() {
  HOME=$directory timeout 60 "$directory/$1/bin/python" "$directory/$1.py" || { echo "can't be found out here" >&2; exit 2; }
}
old=$(run old)
new=$(run new)
found=$(printf '%s\n' "$old" "$new" | paste -sd' ' -)
printf 'requests: 0.3.16 %s, 0.4.6 %s\n' "$old" "$(printf '%s\n' "$new" | paste -sd',' -)"
if [ "$found" = "4 1 3" ]; then
  echo "as described"
else
  echo "the package has changed: expected 4 1 3"
  exit 1
fi
