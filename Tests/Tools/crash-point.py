#!/usr/bin/env python3
"""Kills a process before its N-th system call, counted over all of its threads, or counts how many it makes.

    crash-point.py --report FILE [--at N] --pid PID           counts from now on; writes "attached" to stdout when it does
    crash-point.py --report FILE [--at N] -- PROGRAM WORDS    becomes PROGRAM, and counts from its first instruction on

What has made no system call for QUIET seconds has done its work: it is let go, and FILE gets "calls COUNT". What was killed leaves
"killed COUNT NAME", NAME being that of the call that was never made. Needs root, or a process that lets itself be traced (ptrace(2)).
"""
import argparse, ctypes, os, signal, struct, sys

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
# linux/ptrace.h
CONTINUE_TO_CALL, DETACH, SEIZE, INTERRUPT, LISTEN, CALL_INFO = 24, 17, 0x4206, 0x4207, 0x4208, 0x420E
# Marks stops at a call, so that they differ from a SIGTRAP; new threads, and the program after an exec, are traced, too.
OPTIONS = 0x1 | 0x8 | 0x10
EVENT_STOP = 128
IS_ENTRY = 1
ALL = 0x40000000  # __WALL
QUIET = 0.3


def ptrace(request, thread, address=0, data=0):
    result = libc.ptrace(request, thread, address, data)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(request))
    return result


def names():
    """Numbers of system calls to names, where the kernel's headers are; numbers alone elsewhere."""
    found = {}
    try:
        with open(f"/usr/include/{os.uname().machine}-linux-gnu/asm/unistd_64.h") as file:
            for line in file:
                words = line.split()
                if len(words) == 3 and words[1].startswith("__NR_"):
                    found[int(words[2])] = words[1][5:]
    except OSError:
        pass
    return found


def seize(process):
    """All threads, those as well that are made meanwhile."""
    held = set()
    while True:
        new = {int(each) for each in os.listdir(f"/proc/{process}/task")} - held
        if not new:
            return
        for thread in new:
            ptrace(SEIZE, thread, 0, OPTIONS)
            ptrace(INTERRUPT, thread)
        held |= new


def call(thread):
    """The number of the system call that this thread stands before; None when it comes from one."""
    room = ctypes.create_string_buffer(88)
    ptrace(CALL_INFO, thread, len(room), ctypes.addressof(room))
    if room.raw[0] != IS_ENTRY:
        return None
    return struct.unpack_from("=Q", room.raw, 24)[0]


def follow(process, last):
    """Counts until the end, the call `last` or rest; returns what the report says."""
    count = 0
    while True:
        try:
            thread, status = os.waitpid(-1, ALL | os.WNOHANG)
        except ChildProcessError:
            return f"ended {count}"
        if thread == 0:
            if signal.sigtimedwait([signal.SIGCHLD], QUIET) is None:
                return f"calls {count}"
            continue
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            if thread == process:
                return f"ended {count}"
            continue
        number, event = os.WSTOPSIG(status), status >> 16
        passed = 0
        try:
            if number == signal.SIGTRAP | 0x80:
                entered = call(thread)
                if entered is not None:
                    count += 1
                    if count == last:
                        os.kill(process, signal.SIGKILL)
                        return f"killed {count} {names().get(entered, entered)}"
            elif event == EVENT_STOP and number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
                ptrace(LISTEN, thread)
                continue
            elif event == 0:
                passed = number
            ptrace(CONTINUE_TO_CALL, thread, 0, passed)
        except ProcessLookupError:
            pass  # It was ended meanwhile; its end is reported next.


def release(process):
    for thread in os.listdir(f"/proc/{process}/task"):
        ptrace(INTERRUPT, int(thread))
        _, status = os.waitpid(int(thread), ALL)
        if os.WIFSTOPPED(status):
            ptrace(DETACH, int(thread))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", required=True)
    parser.add_argument("--at", type=int, default=0)
    parser.add_argument("--pid", type=int)
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    process = options.pid
    if process is None:
        # The program keeps this process, by whose number those that started it know it; what traces it is the child.
        process = os.getpid()
        come, go = os.pipe()
        if os.fork():
            os.close(go)
            os.read(come, 1)
            os.close(come)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
            os.execv(options.words[0], options.words)
        # Nothing of the program's is held open here.
        os.closerange(3, go) if go > 3 else None
        os.closerange(go + 1, 1024)
        seize(process)
        os.close(go)
    else:
        seize(process)
        print("attached", flush=True)
    result = follow(process, options.at)
    if result.startswith("calls"):
        release(process)
    with open(f"{options.report}.new", "w") as file:
        file.write(result + "\n")
    os.rename(f"{options.report}.new", options.report)


main()
