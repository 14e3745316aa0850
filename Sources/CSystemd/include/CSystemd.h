// libsystemd's event loop, notification and journal, and what the room on top of it needs of timerfd.
#pragma once

// Without it sd_journal_sendv is a macro that adds this header's place in the source to every entry.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <systemd/sd-journal.h>

// SD_EVENT_SIGNAL_PROCMASK is `1 << 30`, which Swift doesn't import.
int csystemd_signal_procmask(void);

// A timerfd on CLOCK_REALTIME, non-blocking and close-on-exec, that never elapses but becomes readable when the
// clock is set (TFD_TIMER_CANCEL_ON_SET). Returns the descriptor or a negative errno.
int csystemd_clock_step_open(void);

// Reads a descriptor of csystemd_clock_step_open and arms it anew. Returns 1 when the clock was set since the last
// call, 0 when it wasn't, or a negative errno.
int csystemd_clock_step_take(int fd);

// Sends `message` to the service manager as sd_notify(3) does, but never waits: sd_notify blocks while the manager's queue is full,
// and with it the loop. Returns 1 when it was sent, 0 when there is no manager to tell, or a negative errno (EAGAIN: the queue is full).
int csystemd_notify_now(const char *message);
