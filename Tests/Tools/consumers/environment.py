"""environment.py FILE DOCKER: how readers of environment files take one; a line for each, with what they got or why they refused it."""

import http.server
import json
import os
import socketserver
import subprocess
import sys
import tempfile
import threading

import dotenv

NAMES = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")


class Engine(socketserver.ThreadingUnixStreamServer):
    """As much of docker's engine as its client needs to create a container."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def address_string(self):
            return "client"

        def do_HEAD(self):
            self.answer(200, {})

        do_GET = do_HEAD

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.variables = body["Env"]
            self.answer(201, {"Id": "0" * 64, "Warnings": []})

        def answer(self, status, document):
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Api-Version", "1.41")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *words):
            pass

    def __init__(self, path):
        super().__init__(path, self.Handler)
        self.variables = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


def docker(path, client):
    with tempfile.TemporaryDirectory() as directory:
        engine = Engine(f"{directory}/docker.sock")
        run = subprocess.run(
            [client, "--host", f"unix://{directory}/docker.sock", "create", "--env-file", path, "image"],
            env={**os.environ, "HOME": directory}, capture_output=True, text=True)
        if run.returncode != 0:
            return run.stderr.strip()
        return values(dict(variable.split("=", 1) for variable in engine.variables))


def shell(path, program):
    script = 'set -a; . "$1"; ' + "; ".join(f'printf "%s\\n" "${name}"' for name in NAMES)
    return " ".join(subprocess.run([program, "-c", script, "sh", path], capture_output=True, text=True).stdout.split())


def values(variables):
    return " ".join(variables.get(name, "-") or "-" for name in NAMES)


if __name__ == "__main__":
    file, client = sys.argv[1:]
    print("dotenv:", values(dotenv.dotenv_values(file)))
    print("docker:", docker(file, client))
    print("bash:", shell(file, "/bin/bash"))
    print("sh:", shell(file, "/bin/sh"))
