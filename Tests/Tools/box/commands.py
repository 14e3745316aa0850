"""What box does for whoever calls it."""
import argparse, ctypes, os, shutil, signal, subprocess, sys

from init import NEEDED, PATH
from kernel import (
    NEWCGROUP, NEWIPC, NEWNET, NEWNS, NEWPID, NEWTIME, NEWUTS, PDEATHSIG, call, drop_capabilities, fork_into)
from keeper import Report, guard
from traces import Box, Trouble, no_other_start, sweep


def up(box, options):
    owner = os.pidfd_open(options.owner) if options.owner else None
    with no_other_start():
        sweep()
        lock = box.make()
    outcome, report = os.pipe()
    if os.fork() == 0:
        try:
            guard(box, options, owner, Report(report))
        finally:
            os._exit(0)
    os.close(report)
    with open(outcome) as pipe:
        text = pipe.read()
    os.close(lock)
    if text != "ready":
        box.lock(wait=True)
        raise Trouble(text or "its keeper was killed")
    return check_target(box)


def reboot(box, options):
    text = box.ask(b"reboot")[0].decode(errors="replace")
    if text != "ready":
        box.lock(wait=True)
        raise Trouble(text or "its keeper was killed")
    return check_target(box)


def check_target(box):
    # systemd is ready even when what it was to start has failed.
    if os.fork() == 0:
        os._exit(execute(box, ["systemctl", "is-active", "--quiet", "box.target"]))
    if os.wait()[1] != 0:
        text = box.ask(b"console")[0].decode(errors="replace")
        end(box, b"kill")
        raise Trouble(f"not all that it has to start is up; its console:\n{text}")
    return 0


def end(box, request):
    box.ask(request)
    box.lock(wait=True)
    return 0


def become(user):
    """Takes the ids and the groups that the box's own files give a user; returns the home directory."""
    with open("/etc/passwd") as file:
        entries = [line.rstrip("\n").split(":") for line in file]
    entry = next((fields for fields in entries if fields[0] == user), None)
    if entry is None:
        raise Trouble(f"there is no user '{user}' in it")
    with open("/etc/group") as file:
        groups = [line.rstrip("\n").split(":") for line in file]
    uid, gid = int(entry[2]), int(entry[3])
    os.setgroups([gid] + [int(fields[2]) for fields in groups if user in fields[3].split(",")])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    return entry[5]


def start(user, environment, command):
    """In the box: turns into the command."""
    try:
        home = become(user or "root")
        call("prctl", PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.chdir("/")
        os.umask(0o022)
        usual = {"PATH": PATH, "HOME": home, "USER": user or "root", "LOGNAME": user or "root", "LANG": "C.UTF-8", "TERM": "dumb"}
        # Not execvpe(), which would import Python's modules from the box.
        os.execve(shutil.which(command[0], path=PATH) or command[0], command, usual | environment)
    except OSError as failure:
        complain(f"cannot run {command[0]}: {failure.strerror}")
        os._exit(127 if isinstance(failure, FileNotFoundError) else 126)
    except Trouble as trouble:
        complain(trouble)
        os._exit(126)


def enter(box, namespaces):
    _, [descriptor] = box.ask(b"enter")
    call("setns", descriptor, namespaces)


def execute(box, command, user=None, environment=None):
    """Runs a command in the box, beside its units; its exit status, or 128 and the signal that ended it."""
    drop_capabilities()
    time_too = NEWTIME if os.path.exists("/proc/self/ns/time") else 0
    enter(box, NEWNS | NEWUTS | NEWIPC | NEWNET | NEWPID | NEWCGROUP | time_too)
    # A cgroup that is no unit's.
    os.makedirs("/sys/fs/cgroup/exec", exist_ok=True)
    child = fork_into("/sys/fs/cgroup/exec")
    if child == 0:
        start(user, environment or {}, command)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: os.kill(child, received))
    # Both get it from a terminal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def after_dashes(words):
    return words[1:] if words[:1] == ["--"] else words


def run_command(box, options):
    command = after_dashes(options.command)
    if not command:
        raise Trouble("there is no command to run")
    variables = dict(variable.split("=", 1) for variable in options.env)
    if not options.unit:
        return execute(box, command, options.user, variables)
    words = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec", f"--unit={options.unit}"]
    words += [f"--property={one}" for one in options.property] + [f"--setenv={one}" for one in options.env]
    words += [f"--uid={options.user}"] if options.user else []
    return execute(box, words + ["--"] + command)


def copy(box, options):
    """A directory's content, or a file, which replaces an older one at once."""
    target = os.path.abspath(options.target)
    if os.path.isdir(options.source):
        packed = subprocess.Popen(["tar", "-c", "-C", options.source, "."], stdout=subprocess.PIPE)
        enter(box, NEWNS)
        os.makedirs(target, exist_ok=True)
        unpacked = subprocess.run(["tar", "-x", "--no-overwrite-dir", "-C", target], stdin=packed.stdout, env={"PATH": PATH})
        if unpacked.returncode or packed.wait():
            raise Trouble(f"cannot copy {options.source}")
        return 0
    with open(options.source, "rb") as source:
        mode = os.fstat(source.fileno()).st_mode & 0o7777
        enter(box, NEWNS)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        temporary = f"{target}.copied"
        with open(temporary, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            shutil.copyfileobj(source, file)
            os.fchmod(file.fileno(), mode)
        os.rename(temporary, target)
    return 0


def show_journal(box, options):
    return execute(box, ["journalctl", "--no-pager"] + after_dashes(options.arguments))


def show_console(box, _):
    sys.stdout.write(box.ask(b"console")[0].decode(errors="replace"))
    return 0


def show_status(box, _):
    sys.stdout.write(box.ask(b"status")[0].decode())
    return 0


def read_arguments():
    parser = argparse.ArgumentParser(
        description="Boots a systemd as PID 1 of a throwaway system, a box, and works in it.",
        epilog="Needs root and Linux 5.14. Exit status: 0, or 1 with the reason on standard error, or 2 for wrong usage; exec and journal "
        "end as their command does.")
    parser.add_argument("--name", default="default", help="which box")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name, does, text):
        made = verbs.add_parser(name, help=text, description=text)
        made.set_defaults(does=does)
        return made

    boot = verb("up", up, "boot a box; returns when it is up")
    boot.add_argument("--root", default="/", type=os.path.realpath, help="show this tree's files, not the machine's")
    boot.add_argument("--bind", action="append", default=[], metavar="SOURCE[:TARGET]", help="show a file or directory, writable")
    boot.add_argument("--owner", type=int, metavar="PID", help="end the box with this process")
    boot.add_argument("--limit", type=float, default=3600, metavar="SECONDS", help="end the box after so long; default %(default)s")
    boot.add_argument("--timeout", type=float, default=60, metavar="SECONDS", help="how long the boot may take; default %(default)s")
    boot.add_argument("--boottime", type=int, default=0, metavar="SECONDS", help="what the box's CLOCK_BOOTTIME is ahead")
    boot.add_argument("--monotonic", type=int, default=0, metavar="SECONDS", help="what the box's CLOCK_MONOTONIC is ahead")
    boot.add_argument(
        "--require", default=NEEDED, metavar="UNITS", help="what has to be up, such as multi-user.target; default '%(default)s'")
    run = verb("exec", run_command, "run a command in the box, beside its units")
    run.add_argument("--user", help="as this user, with its groups")
    run.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="with this variable")
    run.add_argument("--unit", help="as this service of the box's systemd")
    run.add_argument("--property", action="append", default=[], metavar="NAME=VALUE", help="a property of that service")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND…")
    files = verb("copy", copy, "copy a file, or what a directory holds, into the box")
    files.add_argument("source")
    files.add_argument("target")
    verb("status", show_status, "show the processes that keep the box")
    log = verb("journal", show_journal, "show the box's journal")
    log.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- ARGUMENT…", help="of journalctl")
    verb("console", show_console, "show what systemd printed")
    verb("reboot", reboot, "shut the box down and boot it again, with the files that it has; returns when it is up")
    down = verb("down", lambda box, options: end(box, b"kill" if options.now else b"stop"), "shut the box down; returns when it is gone")
    down.add_argument("--now", action="store_true", help="kill it")
    return parser.parse_args()


def complain(text):
    sys.stderr.write(f"box: {text}\n")
    sys.stderr.flush()


def main():
    options = read_arguments()
    if os.geteuid() != 0:
        complain("needs root")
        return 1
    try:
        return options.does(Box(options.name), options)
    except Trouble as trouble:
        complain(f"{options.name}: {trouble}")
    except OSError as failure:
        complain(f"{options.name}: {failure.strerror}" + (f": {failure.filename}" if failure.filename else ""))
    return 1
