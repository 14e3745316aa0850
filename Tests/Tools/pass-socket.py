#!/usr/bin/env python3
"""Starts a program with a listening Unix socket, as systemd starts the service of a socket unit (sd_listen_fds(3)).

    pass-socket.py PATH NAME PROGRAM ARGUMENT...

NAME is what FileDescriptorName= of the unit would say. The socket is made at PATH with mode 0640; one that is there is taken away first.
"""
import os, socket, sys

FIRST = 3  # SD_LISTEN_FDS_START

path, name, *program = sys.argv[1:]
if os.path.exists(path):
    os.unlink(path)
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind(path)
os.chmod(path, 0o640)
listener.listen(128)
os.dup2(listener.fileno(), FIRST)
os.set_inheritable(FIRST, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES=name)
os.execv(program[0], program)
