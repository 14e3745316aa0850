"""The processes that keep a box for as long as it is there: guard and keeper."""
import contextlib, ctypes, os, select, signal, socket, sys, time

from init import become_init, mount_layer
from kernel import ENDING, NEWPID, NEWTIME, PDEATHSIG, call, write
from traces import CONSOLE_BYTES

SHUTDOWN_SECONDS = 30


class Report:
    """What `up` reads to the end, and prints."""

    def __init__(self, descriptor):
        self.descriptor = descriptor

    def say(self, text):
        """The first time only."""
        if self.descriptor is not None:
            with contextlib.suppress(OSError):
                os.write(self.descriptor, text.encode())
        self.close()

    def close(self):
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


class Keeper:
    """Runs one box from its first process to its last."""

    def __init__(self, box, options, owner, report):
        self.box, self.options, self.owner, self.report = box, options, owner, report
        self.limit = time.monotonic() + options.limit
        self.deadline = min(self.limit, time.monotonic() + options.timeout)
        # Closed, which reports that the box is gone, when this process ends.
        self.waiting = []
        self.notify = self.bound(socket.SOCK_DGRAM, f"{box.directory}/notify")
        self.control = self.bound(socket.SOCK_SEQPACKET, box.control)
        self.control.listen(16)
        mount_layer(box)
        self.reboots = False
        self.init = None
        self.boot()

    @staticmethod
    def bound(kind, path):
        made = socket.socket(socket.AF_UNIX, kind)
        made.bind(path)
        return made

    def boot(self):
        os.mkdir(self.box.cgroup)
        self.console = b""
        self.terminal, self.slave = os.openpty()
        self.trouble, trouble = os.pipe()
        self.init = self.start(trouble)
        os.close(trouble)
        self.descriptor = os.pidfd_open(self.init)

    def start(self, trouble):
        """Starts the first process; its own namespaces of processes and of time are made from here, as they hold for children only."""
        options = self.options
        # unshare(2) refuses another one before that: children would still come into that of the boot before.
        with open("/proc/self/ns/pid") as own:
            call("setns", own.fileno(), NEWPID)
        call("unshare", NEWPID | (NEWTIME if options.boottime or options.monotonic else 0))
        if options.boottime or options.monotonic:
            write("/proc/self/timens_offsets", f"monotonic {options.monotonic} 0\nboottime {options.boottime} 0\n")
        path = os.ttyname(self.slave)
        child = os.fork()
        if child == 0:
            become_init(self.box, options, self.slave, path, trouble)
        return child

    def run(self):
        """Returns when the box has to end, or has ended for good."""
        while self.run_to_end():
            os.waitpid(self.init, 0)
            self.init = None
            for descriptor in (self.descriptor, self.trouble, self.terminal, self.slave):
                os.close(descriptor)
            self.box.remove_cgroup()
            self.reboots = False
            self.deadline = min(self.limit, time.monotonic() + self.options.timeout)
            self.boot()

    def run_to_end(self):
        """Returns when the box has to end, or has ended; true when it has ended to be booted again."""
        self.poll = select.poll()
        sources = {
            self.terminal: self.read_console, self.notify.fileno(): self.read_notification,
            self.control.fileno(): self.answer, self.descriptor: self.ended,
        }
        if self.owner is not None:
            sources[self.owner] = lambda: False
        for source in sources:
            self.poll.register(source, select.POLLIN)
        while True:
            left = self.deadline - time.monotonic()
            ready = self.poll.poll(max(0, left) * 1000)
            if left <= 0 or not ready:
                self.say_failure("it isn't up in time")
                return False
            # The console first: it says why systemd ended.
            for source, _ in sorted(ready, key=lambda pair: pair[0] != self.terminal):
                if not sources[source]():
                    return source == self.descriptor and self.reboots

    def read_console(self):
        try:
            self.console = (self.console + os.read(self.terminal, 4096))[-CONSOLE_BYTES:]
        except OSError:
            # systemd has hung up on its way out: nothing more comes.
            self.poll.unregister(self.terminal)
        return True

    def read_notification(self):
        # sd_notify(3): systemd reports like a service when all jobs of its start are done.
        if b"READY=1" in self.notify.recv(4096).split(b"\n"):
            self.report.say("ready")
            self.deadline = self.limit
        return True

    def ended(self):
        if self.reboots:
            return False
        trouble = os.read(self.trouble, 4096).decode()
        if trouble:
            self.report.say(trouble)
        self.say_failure("its systemd ended before it was up")
        return False

    def say_failure(self, what):
        self.report.say(f"{what}; its console:\n{self.console.decode(errors='replace')}")

    def answer(self):
        connection, _ = self.control.accept()
        connection.settimeout(5)
        # A client that leaves is none of the box's business.
        with contextlib.suppress(OSError):
            request = connection.recv(64)
            if request == b"enter":
                socket.send_fds(connection, [b"entered"], [self.descriptor])
            elif request == b"status":
                connection.send(f"guard {os.getppid()}\nkeeper {os.getpid()}\ninit {self.init}\n".encode())
            elif request == b"console":
                connection.send(self.console or b"\n")
            elif request == b"reboot":
                # Answered when it is up again.
                self.report = Report(connection.detach())
                self.reboots = True
                # systemd(1): like the shutdown below, to boot again.
                self.shut_down(signal.SIGRTMIN + 5)
            elif request in (b"stop", b"kill"):
                self.waiting.append(connection)
                if request == b"kill":
                    return False
                self.reboots = False
                # systemd(1): stops all units, and then its processes.
                self.shut_down(signal.SIGRTMIN + 4)
        return True

    def shut_down(self, request):
        signal.pidfd_send_signal(self.descriptor, request)
        self.deadline = min(self.limit, time.monotonic() + SHUTDOWN_SECONDS)

    def close(self):
        """Ends whatever is left of it. The kernel lets go of a PID 1 when all its processes are gone."""
        if self.init is None:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)
        os.waitpid(self.init, 0)


def keep(box, options, owner, report):
    """The keeper. It ends the box with itself, and itself with the guard."""
    keeper = None
    try:
        call("prctl", PDEATHSIG, ctypes.c_ulong(signal.SIGTERM), 0, 0, 0)
        for number in ENDING:
            signal.signal(number, lambda *_: sys.exit())
        keeper = Keeper(box, options, owner, report)
        keeper.run()
    except Exception as failure:
        (keeper.report if keeper else report).say(f"cannot keep it: {failure!r}")
    finally:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        if keeper is not None:
            keeper.close()
        box.remove()


def guard(box, options, owner, report):
    os.setsid()
    os.umask(0o022)
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    try:
        box.see_cgroups()
    except OSError as failure:
        report.say(f"cannot see cgroups: {failure.strerror}")
        box.remove()
        return
    if os.fork() == 0:
        keep(box, options, owner, report)
        return
    report.close()
    os.wait()
    box.remove()
