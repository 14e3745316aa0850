#!/usr/bin/env python3
"""A fleet on one machine, and what happens to it: a cloud with two regions, a tier of three with nginx, and twelve hosts.

    fleet.py PROGRAMS DIRECTORY

Each is in network, mount and process namespaces of its own, which end with this program. Every host runs the built rolekeeperd with its
own certificate, and a reader that uses what it gets (reader.py). Writes a line of JSON for each fault: what it was, for how many
seconds nothing may be refused, and what the readers saw. Needs root, nginx and openssl; logs are in the directory.
"""
import collections, json, pathlib, sys, time, urllib.parse, urllib.request

from machines import SHIPPED
from network import Authority, Network

HERE = pathlib.Path(__file__).resolve().parent
ACCOUNT = "1234567890123456"
HOME, OTHER = "cn-hangzhou", "cn-shanghai"
ROLES = ["uploader", "reports"]
HOSTS, TIER = 12, 3
DIRECT = HOSTS // 2  # as many hosts fall back to STS; the others have no AccessKey
LIFETIME = 30  # seconds that the cloud's sessions live, in place of the 15 minutes that the settings ask for
SURVIVE = 5 * 60  # survive_outage of the tier's roles, which shrinks with the lifetime
KEPT = SURVIVE * LIFETIME // (15 * 60)  # so long a host can do without the tier


def key(name):
    return f"LTAI{name}".ljust(20, "0"), f"{name}secret".ljust(30, "0")


class Fleet:
    def __init__(self, programs, directory):
        self.programs, self.directory = pathlib.Path(programs), pathlib.Path(directory)
        self.network = Network(directory)
        self.servers, self.clients = Authority(self.directory / "servers"), Authority(self.directory / "clients")
        self.start_cloud()
        self.tier = [self.tier_machine(number) for number in range(1, TIER + 1)]
        self.hosts = [self.host(number) for number in range(1, HOSTS + 1)]

    # The cloud.

    def start_cloud(self):
        self.cloud = self.network.machine("cloud")
        self.second = "10.77.9.9"
        self.cloud.address_added(self.second)
        self.network.name(self.cloud.address, "sts.aliyuncs.com", f"sts.{HOME}.aliyuncs.com")
        self.network.name(self.second, f"sts.{OTHER}.aliyuncs.com")
        keys = ", ".join('{ id = "%s", secret = "%s" }' % key(name) for name in ["tier", "host"])
        roles = "".join(
            f'[accounts.{ACCOUNT}.roles.{role}]\ntrust = ["acs:ram::{ACCOUNT}:root"]\nissued_lifetime = "{LIFETIME}s"\n'
            for role in ROLES)
        self.cloud.put("/run/accounts.toml", f"""
[accounts.{ACCOUNT}]
[accounts.{ACCOUNT}.users.keeper]
access_keys = [{keys}]
policies = ["AliyunSTSAssumeRoleAccess"]
{roles}""")
        self.cloud.start(
            self.programs / "sts-emulator", "--config", "/run/accounts.toml", "--listen", "0.0.0.0:443", "--control", "0.0.0.0:8080",
            "--ca-out", self.directory / "sts-ca.pem", "--name", f"sts.{OTHER}.aliyuncs.com", log="emulator.log")
        self.until("the cloud answers", lambda: self.control("GET", "requests"))
        self.authority = (self.directory / "sts-ca.pem").read_text()

    def control(self, method, path, **parameters):
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        request = urllib.request.Request(f"http://{self.cloud.address}:8080/{path}{query}", method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.loads(answer.read())

    # The tier.

    def tier_machine(self, number):
        machine = self.network.machine(f"tier{number}.example")
        certificate, private = self.servers.issue(machine.name)
        machine.run("sysctl", "-qw", "net.ipv4.ip_unprivileged_port_start=0")
        for path, owner, mode in [("/etc/rolekeeper/fleet", "root", "755"), ("/run/rolekeeper-nginx", "rolekeeper-nginx", "700"),
                                  ("/run/rolekeeper", "rolekeeper", "711")]:
            machine.run("install", "-d", "-o", owner, "-m", mode, path)
        for name, text in [("nginx.conf", (SHIPPED / "nginx" / "rolekeeper.conf").read_text()), ("tier.crt", certificate),
                           ("hosts-ca.crt", self.clients.certificate), ("hosts-ca.crl", self.clients.revoked())]:
            machine.put(f"/etc/rolekeeper/fleet/{name}", text)
        machine.put("/etc/rolekeeper/fleet/tier.key", private, 0o400, "rolekeeper-nginx")
        roles = "".join(f"""
[roles.{role}]
role_arn = "acs:ram::{ACCOUNT}:role/{role}"
duration = "15min"
floor = "0s"
survive_outage = "{SURVIVE}s"
lapse_margin = "1s"
session_per = "shard"
shards = 4
allow = {{ hosts = ["host*.example"] }}
""" for role in ROLES)
        self.daemon(machine, key("tier"), f'[fleet]\ntrusted_proxy = "rolekeeper-nginx"\n{roles}')
        self.nginx(machine)
        return machine

    def nginx(self, machine):
        machine.nginx = machine.start(
            "nginx", "-e", "stderr", "-c", "/etc/rolekeeper/fleet/nginx.conf", "-g", "daemon off;", user="rolekeeper-nginx",
            log="nginx.log")

    def reload_nginx(self, machine):
        machine.run("sh", "-c", "kill -HUP $(cat /run/rolekeeper-nginx/nginx.pid)")

    # The hosts.

    def host(self, number):
        machine = self.network.machine(f"host{number}.example")
        self.enrol(machine)
        machine.put("/etc/rolekeeper/tier-ca.pem", self.servers.certificate)
        machine.is_direct = number <= DIRECT
        places = [(number + step) % TIER + 1 for step in range(TIER)]
        urls = ", ".join(f'"https://tier{place}.example"' for place in places)
        machine.run("install", "-d", "-o", "rolekeeper", "-m", "711", "/run/rolekeeper")
        fallback = 'fallback = "direct"\nfallback_requests_per_second = 1\n' if machine.is_direct else ""
        arn = f'role_arn = "acs:ram::{ACCOUNT}:role/%s"\nduration = "15min"\n' if machine.is_direct else "%.0s"
        roles = "".join(f"""
[roles.{role}]
source = "tier"
{arn % role}floor = "0s"
survive_outage = "0s"
lapse_margin = "1s"
allow = {{ users = ["reader"] }}
""" for role in ROLES)
        self.daemon(machine, key("host") if machine.is_direct else None, f"""
[source.tier]
type = "upstream"
urls = [{urls}]
ca_file = "tier-ca.pem"
certificate = "host.crt"
key = "host.key"
{fallback}
{roles}""")
        machine.uses = self.directory / machine.name / "uses"
        machine.start(
            "/usr/bin/python3", HERE / "reader.py", "/run/rolekeeper/rolekeeper.sock", "sts.aliyuncs.com",
            "/etc/rolekeeper/sts-ca.pem", *ROLES, user="reader", log="uses")
        return machine

    def enrol(self, machine):
        certificate, private = self.clients.issue(machine.name)
        machine.put("/etc/rolekeeper/host.crt", certificate)
        machine.put("/etc/rolekeeper/host.key", private, 0o400, "rolekeeper")

    def daemon(self, machine, access_key, settings):
        source = ""
        if access_key:
            machine.put("/etc/rolekeeper/access-key", "AccessKey ID,AccessKey Secret\n%s,%s\n" % access_key, 0o400, "rolekeeper")
            source = '[source.main]\ntype = "access-key"\nfile = "access-key"\n'
        machine.put("/etc/rolekeeper/sts-ca.pem", self.authority)
        machine.put("/etc/rolekeeper/rolekeeper.toml", f"""{source}
[sts]
regions = ["{HOME}", "{OTHER}"]
ca_file = "sts-ca.pem"
connect_timeout = "1s"
timeout = "3s"
requests_per_second = 20
[socket]
group = "rolekeeper-clients"
{settings}""")
        machine.daemon = machine.start(
            self.programs / "rolekeeperd", "--config", "/etc/rolekeeper/rolekeeper.toml", user="rolekeeper", log="daemon.log",
            environment={"SWIFT_BACKTRACE": "enable=no"})

    # What the readers saw.

    def until(self, what, is_so, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if is_so():
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise SystemExit(f"not within {seconds} s: {what}; see {self.directory}")

    @staticmethod
    def uses(host, since, until=float("inf")):
        """(time, verdict) of each use from then on."""
        for line in host.uses.read_text().splitlines():
            parts = line.split(" ", 2)
            if len(parts) == 3 and parts[0][:1].isdigit() and since <= float(parts[0]) < until:
                yield float(parts[0]), parts[2]

    def is_served(self, host, since):
        return any(verdict.startswith("ok") for _, verdict in self.uses(host, since))

    def everybody_is_served(self, hosts=None):
        now = time.time()
        self.until("every host has a credential", lambda: all(self.is_served(host, now) for host in hosts or self.hosts))

    def report(self, fault, began, promised, hosts=None, **more):
        """One line: how many uses each host made, and the first thing that wasn't `ok`, in seconds after the fault."""
        now = time.time()
        verdicts, first, uses = collections.Counter(), None, []
        for host in hosts or self.hosts:
            seen = list(self.uses(host, began, now))
            uses.append(len(seen))
            for at, verdict in seen:
                verdicts[" ".join(verdict.split(" ")[:2]) if verdict.startswith("none") else verdict.split(" ")[0]] += 1
                if not verdict.startswith("ok") and (first is None or at - began < first[0]):
                    first = (round(at - began, 1), host.name, verdict)
        line = {"fault": fault, "seconds": round(now - began, 1), "promised": promised, "first_refusal": first,
                "least_uses_per_second": round(min(uses) / (now - began), 2), "verdicts": verdicts, **more}
        print(json.dumps(line), flush=True)

    def watch(self, fault, promised, during, **more):
        began = time.time()
        extra = during() or {}
        time.sleep(max(0, began + promised - time.time()))
        self.report(fault, began, promised, **extra, **more)

    # The faults.

    def run(self):
        self.everybody_is_served()
        whole = round(1.2 * LIFETIME)  # longer than any session of before lives
        self.watch("none", whole, lambda: None)
        self.watch("nginx of a machine of the tier restarted every second", 8, lambda: self.restart_nginx(8))
        self.watch("a region throttled", whole, lambda: self.control("POST", "quotas", region=HOME, per_second=0) and None)
        self.control("DELETE", "quotas")
        self.watch("a region gone", whole, lambda: self.cloud.address_removed(self.second))
        self.cloud.address_added(self.second)
        self.lie()
        self.revoke()
        self.watch("a machine of the tier lost", whole, lambda: self.tier[0].end())
        self.lose_tier()

    def restart_nginx(self, seconds):
        for _ in range(seconds):
            machine = self.tier[0]
            machine.run("sh", "-c", "kill $(cat /run/rolekeeper-nginx/nginx.pid)")
            machine.nginx.wait()
            time.sleep(0.5)
            self.nginx(machine)
            time.sleep(0.5)

    def lie(self):
        """A user of the tier's machine sends a host's certificate to the daemon's socket."""
        machine, began = self.tier[1], time.time()
        certificate = (self.clients.directory / "host1.example.pem").read_text()
        answer = machine.run(
            "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", "/run/rolekeeper/rolekeeper.sock", "-H",
            f"Rolekeeper-Client-Certificate: {urllib.parse.quote(certificate)}", "http://localhost/v1/bundle", user="reader")
        log = (self.directory / machine.name / "daemon.log").read_text()
        self.report("a user of the tier's machine sends a host's certificate", began, 1, status=answer.stdout,
                    is_logged="64003" in log)

    def revoke(self):
        """The last host, which has no AccessKey, is put on the revocation list."""
        host = self.hosts.pop()
        self.clients.revoke(host.name)
        began = time.time()
        for machine in self.tier:
            machine.put("/etc/rolekeeper/fleet/hosts-ca.crl", self.clients.revoked())
            self.reload_nginx(machine)
        log = self.directory / host.name / "daemon.log"
        self.until("the revoked host is refused", lambda: "TierCertificate" in log.read_text())
        refused = time.time() - began
        self.until("its last session has ended", lambda: any(v.startswith("none") for _, v in self.uses(host, began)), LIFETIME + 5)
        late = [verdict for _, verdict in self.uses(host, began) if not verdict.startswith(("ok", "none"))]
        self.report("a host revoked", began, LIFETIME, refused_after=round(refused, 1), of_the_host=late[:3])

    def lose_tier(self):
        began = time.time()
        for machine in self.tier[1:]:
            machine.end()
        time.sleep(max(0, began + KEPT - time.time()))
        self.report("the whole tier lost", began, KEPT)
        time.sleep(LIFETIME - KEPT + 5)
        self.report("the whole tier lost, hosts with an AccessKey", began, round(time.time() - began),
                    [host for host in self.hosts if host.is_direct])
        self.report("the whole tier lost, hosts without one", began, KEPT,
                    [host for host in self.hosts if not host.is_direct])


if __name__ == "__main__":
    Fleet(sys.argv[1], sys.argv[2]).run()
