#!/usr/bin/env python3
"""Uses a host's credentials as a program would: reads one from the daemon's socket and signs GetCallerIdentity with it at STS.

    reader.py SOCKET STS CA ROLE…

Each use is a line `TIME ROLE VERDICT` on standard output; the verdicts are those of the soak's checker, and `none STATUS` where the
daemon gave no credential. Ends at SIGTERM.
"""
import http.client, pathlib, signal, socket, ssl, sys, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Apparatus" / "soak"))
from checker import Caller, judge

PAUSE = 0.25  # seconds between uses


class Daemon(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def credential(path, role):
    connection = Daemon(path)
    try:
        connection.request("GET", f"/v1/roles/{role}/credentials?wait=0")
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError as error:
        return type(error).__name__, b""
    finally:
        connection.close()


def main():
    path, endpoint, authority, *roles = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    caller = Caller(endpoint, ssl.create_default_context(cafile=authority))
    while True:
        for role in roles:
            read_at = time.time()
            status, body = credential(path, role)
            verdict = judge(caller, role, "json", read_at, 0, body) if status == 200 else f"none {status}"
            print(f"{read_at:.3f} {role} {verdict}", flush=True)
            time.sleep(PAUSE / len(roles))


if __name__ == "__main__":
    main()
