// A wall clock and a disk of a program's own, for tests: preloaded (LD_PRELOAD, ld.so(8)) it changes what the program sees of them. Other
// programs see nothing of it, and without its variables nor does this one.
//
// FAULT_SHIM_CLOCK names a file that holds an int64_t in the host's byte order: CLOCK_REALTIME is shifted by as many seconds, at every look.
// A write to that file is a step of the clock: timers with TFD_TIMER_CANCEL_ON_SET are cancelled by it (timerfd_create(2)), as the kernel does
// when the real clock is set. The other clocks stay as they are.
//
// FAULT_SHIM_DISK names a file of lines, each a fault and the absolute path of a directory: `sync` lets fsync(2) and fdatasync(2), `write` lets write(2) and
// sendfile(2) fail with EIO for what is below it. The disk is sound while there is no such file.
//
// FAULT_SHIM_KILL is `before N` or `after N`: the program ends by SIGKILL on that side of its Nth fsync(2) or fdatasync(2), counted from 1.
//
// FAULT_SHIM_CONNECTIONS names a file to which each connect(2) adds a line: `ADDRESS:PORT`, or a socket's path.
#pragma once
