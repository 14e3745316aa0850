"""Machines of a throwaway network: each has its own network, mounts, host name and processes, and ends with this program."""
import os, pathlib, signal, subprocess

SHIPPED = pathlib.Path(__file__).resolve().parents[3] / "etc"
PREFIX = "10.77"


class Machine:
    """One host. Its processes see directories of their own where the host's settings, state and logs are."""

    OWN = ["/run", "/etc/rolekeeper", "/etc/nginx", "/var/log/nginx", "/var/lib/nginx"]

    def __init__(self, network, name, number):
        self.network, self.name, self.services = network, name, []
        self.address = f"{PREFIX}.{number >> 8}.{number & 255}"
        self.files = network.directory / name
        self.files.mkdir(mode=0o755)
        script = "\n".join(
            ["set -e", f"hostname {name}"]
            + [f"mkdir -p {place} && mount -t tmpfs -o mode=755 tmpfs {place}" for place in self.OWN]
            + ["mount --bind %s /etc/hosts" % network.names, "mount --bind %s /etc/passwd" % network.users,
               "mount --bind %s /etc/group" % network.groups, "ip link set lo up", "echo ready", "while :; do sleep 1000; done"])
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script],
            stdout=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            raise RuntimeError(f"{name} can't be made")
        children = pathlib.Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text().split()
        self.init = int(children[0])
        wire = f"fleet{number}"
        network.run("ip", "link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", str(self.init))
        network.run("ip", "link", "set", wire, "master", "fleet", "up")
        self.run("ip", "link", "set", "eth0", "up")
        self.address_added(self.address)

    def words(self, *words, user=None):
        person = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        return ["nsenter", "-t", str(self.init), "-n", "-m", "-u", "-p", *person, *words]

    def run(self, *words, user=None, check=True):
        return subprocess.run(self.words(*words, user=user), check=check, capture_output=True, text=True)

    def start(self, *words, log, user=None, environment=None):
        """Starts a service; its output goes to a file of that name."""
        with open(self.files / log, "ab") as output:
            service = subprocess.Popen(
                self.words(*words, user=user), stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                env={"PATH": os.environ["PATH"], **(environment or {})})
        self.services.append(service)
        return service

    def address_added(self, address):
        self.run("ip", "address", "add", f"{address}/16", "dev", "eth0")

    def address_removed(self, address):
        self.run("ip", "address", "del", f"{address}/16", "dev", "eth0")

    def put(self, path, text, mode=0o644, owner=None):
        """Writes a file as the machine sees it, in one step."""
        group = owner or "root"
        subprocess.run(
            self.words("sh", "-c", 'umask 077 && cat > "$1.new" && chown "$2:$3" "$1.new" && chmod "$4" "$1.new" && mv "$1.new" "$1"',
                       "sh", path, owner or "root", group, f"{mode:o}"),
            input=text, text=True, check=True)

    def end(self):
        """Cuts its power: every process ends, nothing says goodbye."""
        os.kill(self.init, signal.SIGKILL)
        for service in self.services + [self.holder]:
            service.wait()
