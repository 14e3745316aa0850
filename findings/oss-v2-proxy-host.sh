#!/bin/sh
# alibabacloud-oss-v2 1.4.1 (PyPI): Config.proxy_host as a string, "http://10.10.1.10:3128", the form that the developer guide shows and the class documents for both schemes, is
# ignored by the synchronous client: the request goes to OSS directly, without a warning. A host that has no other way out times out; one that has it goes round the proxy.
#
# The string becomes requests' proxies under the keys "http://" and "https://", which requests never looks up; it wants "http" and "https". The asynchronous client obeys the
# string, but refuses the documented dict, so no one value serves both. What works for the synchronous client: {"http": …, "https": …}, or HTTP_PROXY and HTTPS_PROXY.
#
#     proxy_host     synchronous          asynchronous
#     a string       reaches OSS          reaches the proxy
#     {"http": …}    reaches the proxy    TypeError
#
# Exit status: 0 when the package behaves as described, 1 when it doesn't any more, 2 when that can't be found out here.
set -eu

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
{
  python3 -m venv "$directory/venv" &&
    "$directory/venv/bin/pip" -q --disable-pip-version-check install alibabacloud-oss-v2==1.4.1 requests==2.34.2 aiohttp==3.14.5
} >"$directory/log" 2>&1 || { cat "$directory/log" >&2; echo "the packages can't be installed here (needs python3 with venv)" >&2; exit 2; }

cat >"$directory/proxy_host.py" <<'PYTHON'
import asyncio
import http.server
import os
import sys
import threading

for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]

import alibabacloud_oss_v2 as oss
import alibabacloud_oss_v2.aio as oss_aio

CHANGED = 3  # an uncaught exception is 1


class Answer(http.server.BaseHTTPRequestHandler):
    """Notes its server's name for each HeadObject."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        reached.append(self.server.name)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


def listen(name):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.name = name
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def config(proxy_host):
    provider = oss.credentials.StaticCredentialsProvider("id", "secret", "token")
    return oss.config.Config(region="cn-shanghai", endpoint=store, credentials_provider=provider, retry_max_attempts=1, proxy_host=proxy_host)


def synchronous(proxy_host):
    oss.Client(config(proxy_host)).head_object(head)


def asynchronous(proxy_host):
    async def call():
        client = oss_aio.AsyncClient(config(proxy_host))
        try:
            await client.head_object(head)
        finally:
            await client.close()

    asyncio.run(call())


def outcome(call, proxy_host):
    """Who got the request, or the error that came first."""
    reached.clear()
    try:
        call(proxy_host)
    except oss.exceptions.OperationError as error:
        return f"raises {type(error.unwrap()).__name__}"
    return f"reaches the {reached[0]}"


reached = []
store, proxy = listen("store"), listen("proxy")
head = oss.HeadObjectRequest(bucket="bucket", key="key")
if outcome(synchronous, None) != "reaches the store" or outcome(asynchronous, None) != "reaches the store":
    sys.exit(2)
outcomes = {
    (call.__name__, name): outcome(call, value)
    for name, value in (("a string", proxy), ("a dict", {"http": proxy, "https": proxy}))
    for call in (synchronous, asynchronous)
}
for (call, name), seen in outcomes.items():
    print(f"{call}, proxy_host is {name}: {seen}")
expected = {
    ("synchronous", "a string"): "reaches the store",
    ("asynchronous", "a string"): "reaches the proxy",
    ("synchronous", "a dict"): "reaches the proxy",
}
raises = outcomes.pop(("asynchronous", "a dict")).startswith("raises")
sys.exit(0 if outcomes == expected and raises else CHANGED)
PYTHON
status=0
HOME=$directory timeout 60 "$directory/venv/bin/python" "$directory/proxy_host.py" || status=$?
case $status in
  0) echo "as described" ;;
  3) echo "the package has changed: a string or a dict is taken otherwise"; status=1 ;;
  *) echo "can't be found out here"; status=2 ;;
esac
exit "$status"
