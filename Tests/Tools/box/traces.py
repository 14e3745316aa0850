"""What can be seen of a box from outside, and its removal."""
import contextlib, errno, fcntl, glob, os, socket, time

from kernel import DETACH, NEWNS, PRIVATE, REC, call, mount, write

PREFIX = "/run/rolekeeper-box-"
MOUNT_POINTS = ("cgroup", "layer", "root")
# The most that is kept, and sent, of what systemd prints.
CONSOLE_BYTES = 65536


class Trouble(Exception):
    """What can't be done, for standard error."""


class Box:
    """The traces of a box outside of it."""

    def __init__(self, name):
        self.name = name
        self.directory = PREFIX + name
        self.layer = f"{self.directory}/layer"
        self.control = f"{self.directory}/control"
        self.cgroup = f"{self.directory}/cgroup/rolekeeper-box-{name}"
        # What the directory is, if this process or one that it comes from has made it.
        self.made = None

    def lock(self, wait=False):
        """A descriptor that holds the box's lock, or None while the box is there, or when there is no trace of it."""
        while True:
            try:
                descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                return None
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                os.close(descriptor)
                return None
            # It may have been removed, and made again, meanwhile.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(self.directory)):
                    return descriptor
            os.close(descriptor)

    def make(self):
        """Makes the directory, and returns the descriptor that holds its lock."""
        try:
            os.mkdir(self.directory, 0o700)
        except FileExistsError:
            raise Trouble("it is up already") from None
        for name in MOUNT_POINTS:
            os.mkdir(f"{self.directory}/{name}")
        descriptor = self.lock()
        self.made = os.fstat(descriptor)
        return descriptor

    def see_cgroups(self):
        """Shows this process, and who comes from it, the unified hierarchy, wherever the machine has it."""
        call("unshare", NEWNS)
        mount(None, "/", None, REC | PRIVATE)
        mount("cgroup2", f"{self.directory}/cgroup", "cgroup2")

    def remove_cgroup(self):
        """Removes the cgroup, which ends what is left in it. Needs to see cgroups."""
        with contextlib.suppress(FileNotFoundError):
            write(f"{self.cgroup}/cgroup.kill", "1")
        for path, _, _ in os.walk(self.cgroup, topdown=False):
            # The last process of it may be on its way out.
            deadline = time.monotonic() + 10
            while True:
                try:
                    os.rmdir(path)
                    break
                except FileNotFoundError:
                    break
                except OSError as failure:
                    if failure.errno != errno.EBUSY or time.monotonic() > deadline:
                        raise
                    time.sleep(0.002)

    def remove(self):
        """Removes what is left. Needs the lock, and to see cgroups."""
        # The guard comes here after the keeper: another box of that name may have been made since.
        if self.made and not self.is_made():
            return
        self.remove_cgroup()
        for name in ("cgroup", "layer"):
            with contextlib.suppress(OSError):
                call("umount2", f"{self.directory}/{name}", DETACH)
        for name in ("control", "notify"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.directory}/{name}")
        # Nothing that is mounted or used can be removed so.
        for directory in [f"{self.directory}/{name}" for name in MOUNT_POINTS] + [self.directory]:
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(directory)

    def is_made(self):
        # While the lock is held, no other directory can have the number of this one.
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(self.made, os.stat(self.directory))
        return False

    def ask(self, request):
        """Sends the keeper a request; returns the answer, of no bytes when it ended, and the descriptors that came with it."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(self.control)
        except (FileNotFoundError, ConnectionRefusedError):
            raise Trouble("there is no such box") from None
        connection.send(request)
        answer, descriptors, _, _ = socket.recv_fds(connection, CONSOLE_BYTES, 1)
        return answer, descriptors


@contextlib.contextmanager
def no_other_start():
    """Keeps a directory that has just been made from being taken for one that was left."""
    descriptor = os.open("/run", os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def sweep():
    """Removes what boxes have left whose guard and keeper were both killed."""
    for directory in glob.glob(PREFIX + "*"):
        box = Box(directory[len(PREFIX):])
        descriptor = box.lock()
        if descriptor is None:
            continue
        if os.fork() == 0:
            try:
                box.see_cgroups()
                box.remove()
            finally:
                os._exit(0)
        os.wait()
        os.close(descriptor)
