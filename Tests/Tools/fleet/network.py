"""The network between the machines, and what they all know: names of hosts, users, and a certificate authority."""
import pathlib, subprocess

from machines import PREFIX, Machine

USERS = {"rolekeeper": 64001, "rolekeeper-nginx": 64002, "reader": 64003, "rolekeeper-clients": 64004}


class Network:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.names, self.users, self.groups = (self.directory / name for name in ("hosts", "passwd", "group"))
        self.names.write_text("127.0.0.1 localhost\n")
        self.users.write_text(
            pathlib.Path("/etc/passwd").read_text()
            + "".join(f"{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n" for name, uid in USERS.items()))
        self.groups.write_text(
            pathlib.Path("/etc/group").read_text()
            + "".join(f"{name}:x:{uid}:{'rolekeeper,reader,rolekeeper-nginx' if name == 'rolekeeper-clients' else ''}\n"
                      for name, uid in USERS.items()))
        self.machines = []
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "link", "add", "fleet", "type", "bridge")
        self.run("ip", "link", "set", "fleet", "up")
        self.run("ip", "address", "add", f"{PREFIX}.255.254/16", "dev", "fleet")

    @staticmethod
    def run(*words):
        return subprocess.run(words, check=True, capture_output=True, text=True)

    def machine(self, name):
        machine = Machine(self, name, len(self.machines) + 1)
        self.machines.append(machine)
        self.name(machine.address, name)
        return machine

    def name(self, address, *names):
        with self.names.open("a") as file:
            file.write(f"{address} {' '.join(names)}\n")


class Authority:
    """A certificate authority made by openssl(1): certificates of hosts and servers, and a list of revoked ones."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        (self.directory / "index.txt").touch()
        (self.directory / "configuration").write_text(f"""
[ca]
default_ca = fleet
[fleet]
database = {self.directory}/index.txt
rand_serial = yes
new_certs_dir = {self.directory}
certificate = {self.directory}/ca.pem
private_key = {self.directory}/ca.key
default_md = sha256
default_days = 1
default_crl_days = 1
policy = any
copy_extensions = copy
[any]
commonName = supplied
""")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                     "-subj", "/CN=fleet", "-keyout", "ca.key", "-out", "ca.pem",
                     "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.certificate = (self.directory / "ca.pem").read_text()

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.directory, check=True, capture_output=True)

    def issue(self, name, alternative=None):
        """A certificate and its key, as texts."""
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                     "-addext", f"subjectAltName={alternative or 'DNS:' + name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self.openssl("ca", "-batch", "-config", "configuration", "-notext", "-in", f"{name}.csr", "-out", f"{name}.pem")
        return (self.directory / f"{name}.pem").read_text(), (self.directory / f"{name}.key").read_text()

    def revoke(self, name):
        self.openssl("ca", "-config", "configuration", "-revoke", f"{name}.pem")

    def revoked(self):
        self.openssl("ca", "-config", "configuration", "-gencrl", "-out", "crl.pem")
        return (self.directory / "crl.pem").read_text()
