"""What the C library and the kernel's headers have and Python's library of Debian 12 has not."""
import ctypes, os, signal

# From linux/sched.h.
NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWPID, NEWNET = (
    0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x20000000, 0x40000000)
CLONE_INTO_CGROUP = 0x200000000
# The same on every architecture of Debian's.
SYS_CLONE3 = 435
# From linux/mount.h; umount2(2).
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE, SHARED = (
    1, 2, 4, 8, 32, 4096, 16384, 1 << 18, 1 << 20)
DETACH = 2
# From linux/prctl.h.
PDEATHSIG, CAPBSET_DROP = 1, 24
# From linux/capability.h: what acts on the whole machine, in the order of SYS_MODULE, SYS_RAWIO, SYS_PACCT, SYS_BOOT, SYS_TIME, MKNOD,
# AUDIT_WRITE, AUDIT_CONTROL, MAC_OVERRIDE, MAC_ADMIN, SYSLOG, WAKE_ALARM, BLOCK_SUSPEND, AUDIT_READ.
MACHINE_WIDE = (16, 17, 20, 22, 25, 27, 29, 30, 32, 33, 34, 35, 36, 37)
# What ends a program that was asked to.
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

libc = ctypes.CDLL(None, use_errno=True)


def call(function, *arguments):
    """Calls a function of the C library; strings become paths, None a null pointer."""
    arguments = [ctypes.c_char_p(os.fsencode(one)) if isinstance(one, str) else one for one in arguments]
    if getattr(libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def mount(source, target, kind=None, flags=0, data=None):
    try:
        call("mount", source, target, kind, ctypes.c_ulong(flags), data)
    except OSError as failure:
        raise OSError(failure.errno, f"mount of {kind or source} at {target}: {os.strerror(failure.errno)}") from None


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


class CloneArguments(ctypes.Structure):
    """clone3(2): struct clone_args."""

    _fields_ = [(name, ctypes.c_uint64) for name in (
        "flags", "pidfd", "child_tid", "parent_tid", "exit_signal", "stack", "stack_size", "tls", "set_tid", "set_tid_size", "cgroup")]


def fork_into(cgroup):
    """Forks like os.fork(), the child being in the cgroup of that directory: to move there later takes some 20 ms.

    Python learns nothing of it, so the child may do no more than become another program.
    """
    descriptor = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY)
    arguments = CloneArguments(flags=CLONE_INTO_CGROUP, exit_signal=signal.SIGCHLD, cgroup=descriptor)
    # PyDLL keeps Python's lock, which the child needs, too.
    child = ctypes.PyDLL(None, use_errno=True).syscall(SYS_CLONE3, ctypes.byref(arguments), ctypes.sizeof(arguments))
    if child < 0:
        raise OSError(ctypes.get_errno(), f"clone3: {os.strerror(ctypes.get_errno())}")
    os.close(descriptor)
    return child


def drop_capabilities():
    """Takes effect with the next execve(2), which gives root what the bounding set has (capabilities(7))."""
    for capability in MACHINE_WIDE:
        call("prctl", CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)
