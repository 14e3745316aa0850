"""A box's first process, up to the moment when it becomes systemd."""
import ctypes, os, shutil, signal, socket, stat

from kernel import (
    BIND, DETACH, ENDING, NEWCGROUP, NEWIPC, NEWNET, NEWNS, NEWUTS, NODEV, NOEXEC, NOSUID, PDEATHSIG, RDONLY, REC, REMOUNT, SHARED,
    call, drop_capabilities, mount, write)

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LAYER_SIZE = "2g"
# Directories of which the box sees nothing, with their modes: other systems' units and configuration, logs, and people's files.
HIDDEN = {
    "/etc/systemd": 0o755, "/etc/rcS.d": 0o755, "/etc/rc2.d": 0o755, "/etc/rc3.d": 0o755, "/etc/rc4.d": 0o755, "/etc/rc5.d": 0o755,
    "/etc/rolekeeper": 0o755, "/home": 0o755, "/root": 0o700, "/srv": 0o755, "/tmp": 0o1777, "/var/log": 0o755, "/var/tmp": 0o1777,
}
# No login, no devices: what a unit under test needs (bootup(7)).
NEEDED = "basic.target systemd-user-sessions.service"
TARGET = """[Unit]
Description=Throwaway system
Requires={units}
After={units}
AllowIsolate=yes
"""


def new_uuid():
    with open("/proc/sys/kernel/random/uuid") as file:
        return file.read()


def is_in(path, directory):
    return os.path.commonpath([path, directory]) == directory


def file_systems(root):
    """The directories below `root` that are file systems of their own, as an overlay shows one only; `root` comes first."""
    if root != "/":
        return [root]
    found = {"/"}
    with open("/proc/self/mountinfo") as lines:
        for line in lines:
            fields, _, source = line.partition(" - ")
            point = fields.split()[4].encode().decode("unicode_escape")
            # Not the kernel's interfaces, and nothing in memory.
            if not source.split()[1].startswith("/dev/") or not os.path.isdir(point):
                continue
            if any(is_in(point, part) for part in ("/etc", "/opt", "/usr", "/var")) and not any(is_in(point, part) for part in HIDDEN):
                found.add(point)
    return sorted(found)


def mount_layer(box):
    """Where all writes go. It outlives a reboot."""
    mount("tmpfs", box.layer, "tmpfs", 0, f"mode=0755,size={LAYER_SIZE}")


def make_upper(lower, place, upper):
    os.makedirs(upper)
    shutil.copystat(lower, upper)
    for directory, mode in HIDDEN.items():
        if is_in(directory, place):
            hidden = os.path.join(upper, os.path.relpath(directory, place))
            os.makedirs(hidden)
            os.chmod(hidden, mode)
            os.setxattr(hidden, "trusted.overlay.opaque", b"y")


def mount_files(box, tree):
    for index, lower in enumerate(file_systems(tree)):
        upper, work = f"{box.layer}/{index}/upper", f"{box.layer}/{index}/work"
        place = "/" if lower == tree else lower
        if not os.path.exists(upper):
            make_upper(lower, place, upper)
            os.makedirs(work)
        mount("overlay", f"{box.directory}/root{place}", "overlay", 0, f"lowerdir={lower},upperdir={upper},workdir={work}")


def mount_kernel_interfaces(root):
    mount("proc", f"{root}/proc", "proc", NOSUID | NODEV | NOEXEC)
    # The settings of the network are the box's own, the rest are the machine's.
    for path, access in ((f"{root}/proc/sys", RDONLY), (f"{root}/proc/sys/net", 0), (f"{root}/proc/sysrq-trigger", RDONLY)):
        if os.path.exists(path):
            mount(path, path, None, BIND)
            mount(None, path, None, BIND | REMOUNT | access | NOSUID | NODEV | NOEXEC)
    mount("sysfs", f"{root}/sys", "sysfs", RDONLY | NOSUID | NODEV | NOEXEC)
    mount("cgroup2", f"{root}/sys/fs/cgroup", "cgroup2", NOSUID | NODEV | NOEXEC)
    mount("tmpfs", f"{root}/run", "tmpfs", NOSUID | NODEV, f"mode=0755,size={LAYER_SIZE}")


def make_device(path, major, minor):
    os.mknod(path, stat.S_IFCHR, os.makedev(major, minor))
    os.chmod(path, 0o666)


def mount_devices(root, console):
    mount("tmpfs", f"{root}/dev", "tmpfs", NOSUID, "mode=0755,size=4m")
    for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)):
        make_device(f"{root}/dev/{name}", 1, minor)
    make_device(f"{root}/dev/tty", 5, 0)
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"{root}/dev/{name}")
    for name, mode in (("pts", 0o755), ("shm", 0o1777)):
        os.mkdir(f"{root}/dev/{name}")
        os.chmod(f"{root}/dev/{name}", mode)
    mount("devpts", f"{root}/dev/pts", "devpts", NOSUID | NOEXEC, "newinstance,ptmxmode=0666,mode=620,gid=5")
    os.symlink("pts/ptmx", f"{root}/dev/ptmx")
    mount("tmpfs", f"{root}/dev/shm", "tmpfs", NOSUID | NODEV, f"mode=1777,size={LAYER_SIZE}")
    write(f"{root}/dev/console", "")
    mount(console, f"{root}/dev/console", None, BIND)


def write_identity(box, root):
    """Gives the box a name and ids of its own, so that it starts as a system that was set up before (machine-id(5))."""
    write(f"{root}/etc/hostname", f"{box.name}\n")
    write(f"{root}/etc/hosts", f"127.0.0.1 localhost {box.name}\n::1 localhost\n")
    write(f"{root}/etc/fstab", "")
    write(f"{root}/etc/machine-id", new_uuid().replace("-", ""))
    # systemd.unit(5), ConditionNeedsUpdate=: else caches of the whole /usr are made anew.
    write(f"{root}/etc/.updated", "")
    write(f"{root}/var/.updated", "")


def prepare_boot(box, root, units):
    """What each boot has of its own."""
    os.makedirs(f"{root}/run/systemd/system")
    write(f"{root}/run/systemd/system/box.target", TARGET.format(units=units))
    os.mkdir(f"{root}/run/host")
    write(f"{root}/run/host/boot-id", new_uuid())
    mount(f"{root}/run/host/boot-id", f"{root}/proc/sys/kernel/random/boot_id", None, BIND)
    write(f"{root}/run/host/notify", "")
    mount(f"{box.directory}/notify", f"{root}/run/host/notify", None, BIND)
    socket.sethostname(box.name)


def bind_files(binds, root):
    for bind in binds:
        source, _, target = bind.partition(":")
        target = root + (target or source)
        if os.path.isdir(source):
            os.makedirs(target, exist_ok=True)
        elif not os.path.exists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            write(target, "")
        mount(source, target, None, BIND | REC)


def enter_root(root):
    os.chdir(root)
    # pivot_root(2): the old root lies over the new one, and comes off.
    call("pivot_root", ".", ".")
    call("umount2", ".", DETACH)
    os.chdir("/")
    # As a systemd that isn't in a container does itself: credentials are mounted in another namespace and have to arrive in the box's.
    mount(None, "/", None, REC | SHARED)


def become_init(box, options, console, console_path, report):
    """Reports the step that failed, else turns into systemd."""
    step = "prepare its first process"
    try:
        call("prctl", PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
        os.setsid()
        os.umask(0o022)
        step = "move into its cgroup"
        write(f"{box.cgroup}/cgroup.procs", "0")
        step = "make its namespaces"
        call("unshare", NEWNS | NEWUTS | NEWIPC | NEWNET | NEWCGROUP)
        root = f"{box.directory}/root"
        is_first = not os.listdir(box.layer)
        for step, work in (
            ("lay a layer over the files", lambda: mount_files(box, options.root)),
            ("mount /proc, /sys and /run", lambda: mount_kernel_interfaces(root)),
            ("make /dev", lambda: mount_devices(root, console_path)),
            ("give it a name", lambda: write_identity(box, root) if is_first else None),
            ("prepare its boot", lambda: prepare_boot(box, root, options.require)),
            ("bind files", lambda: bind_files(options.bind, root)),
            ("enter its root", lambda: enter_root(root)),
            ("drop capabilities", drop_capabilities),
        ):
            work()
        step = "start systemd"
        for descriptor in range(3):
            os.dup2(console, descriptor)
        for number in ENDING + (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        environment = {"PATH": PATH, "container": "box", "NOTIFY_SOCKET": "/run/host/notify", "TERM": "dumb", "SYSTEMD_COLORS": "0"}
        os.execve("/lib/systemd/systemd", ["systemd", "--unit=box.target", "--show-status=yes"], environment)
    except OSError as failure:
        os.write(report, f"cannot {step}: {failure.strerror or failure}".encode())
    finally:
        os._exit(1)
