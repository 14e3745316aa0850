// A wall clock of a program's own, for tests: preloaded (LD_PRELOAD, ld.so(8)) it shifts what the program sees of
// CLOCK_REALTIME by as many seconds as the file named by CLOCK_SHIM_OFFSET says, an int64_t in the host's byte order,
// at every look. A write to that file is a step of the clock: timers with TFD_TIMER_CANCEL_ON_SET are cancelled by it
// (timerfd_create(2)), as the kernel does when the real clock is set.
//
// The other clocks, and other programs, see nothing of it.
#pragma once
