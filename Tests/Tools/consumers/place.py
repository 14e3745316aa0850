"""Where a consumer finds what it is tried against, and how it is asked for its next request."""

import ctypes
import json
import os
import socket
import subprocess
import sys
import urllib.request


class Place:
    """What the test has started; each consumer has a role of its own, by which its requests are recognised."""

    def __init__(self, facts):
        self.role = facts["role"]
        # HOST:PORT of the emulator's STS and OSS, and its certificate authority.
        self.sts = facts["sts"]
        self.oss = facts["oss"]
        self.authority = facts["authority"]
        # The emulator's control endpoint, HOST:PORT.
        self.control = facts["control"]
        # The consumer's own, which is also its HOME.
        self.directory = facts["directory"]
        # The role's files, by format.
        self.files = facts["files"]
        # The role's URI on loopback; None where there is none.
        self.uri = facts.get("uri")
        # The folder of the programs that aren't Python.
        self.programs = facts["programs"]
        # The stand-in for a service that the emulator doesn't have, if the consumer has made one.
        self.recorder = None
        # AccessKeyIds of sessions that a recorder refuses before their time.
        self.dead = set()
        # Processes that end with the consumer.
        self.children = []

    @property
    def command(self):
        """The command line as the documents give it: PATH and ROLEKEEPER_SOCKET are set."""
        return f"rolekeeper get {self.role}"

    def get(self):
        """The role's current session, as a document; where there is none, nothing is waited for."""
        run = subprocess.run(
            ["rolekeeper", "get", self.role, "--wait", "0s"], check=True, capture_output=True, text=True,
            stdin=subprocess.DEVNULL)
        return json.loads(run.stdout)

    def uploads(self):
        """How many requests to put the role's objects OSS has answered."""
        with urllib.request.urlopen(f"http://{self.control}/requests/oss") as answer:
            calls = json.load(answer)["requests"]
        return sum(call["operation"] == "PutObject" and call["key"].startswith(self.role) for call in calls)

    def resolve(self, *names):
        """Lets these names lead to 127.0.0.1, in a mount namespace of the consumer's own."""
        hosts = self.write("hosts", "".join(f"127.0.0.1 {name}\n" for name in ("localhost", *names)), 0o644)
        libc = ctypes.CDLL(None, use_errno=True)
        # CLONE_NEWNS; MS_REC | MS_PRIVATE; MS_BIND.
        for failed in (libc.unshare(0x20000), libc.mount(b"none", b"/", None, 0x44000, None),
                       libc.mount(hosts.encode(), b"/etc/hosts", None, 0x1000, None)):
            if failed:
                raise OSError(ctypes.get_errno(), "no mount namespace")

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text, mode=0o600):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        return path


consumers = {}


def consumer(name):
    """Registers a function that takes a Place and returns what makes one signed request.

    That function returns the AccessKeyId that a recorder has accepted, or None where the emulator is the judge; it raises
    what the package raises.
    """

    def register(make):
        consumers[name] = make
        return make

    return register


def serve(name, facts):
    """Makes a request for each line that arrives at descriptor 3, and answers with a line.

    The line has the AccessKeyIds of the sessions that are dead by then.
    """
    place = Place(facts)
    channel = socket.socket(fileno=3).makefile("rw")

    def answer(**fields):
        channel.write(json.dumps(fields) + "\n")
        channel.flush()

    try:
        try:
            request = consumers[name](place)
        except Exception as error:
            return answer(error=describe(error))
        answer()
        for line in channel:
            place.dead.update(line.split())
            if place.recorder:
                place.recorder.verdicts.clear()
            try:
                answer(key=request())
            except Exception as error:
                answer(error=describe(place.recorder and place.recorder.refusal() or error))
    finally:
        for child in place.children:
            child.kill()


def describe(error):
    return f"{type(error).__name__}: {error}"[:600]


def main():
    serve(sys.argv[1], json.loads(sys.argv[2]))
