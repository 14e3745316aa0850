// libsystemd's event loop and notification, and the parts of timerfd that the target Systemd needs.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

// SD_EVENT_SIGNAL_PROCMASK is `1 << 30`, which Swift doesn't import.
int csystemd_signal_procmask(void);

// A timerfd on CLOCK_REALTIME, non-blocking and close-on-exec, that never elapses but becomes readable when the
// clock is set (TFD_TIMER_CANCEL_ON_SET). Returns the descriptor or a negative errno.
int csystemd_clock_step_open(void);

// Reads a descriptor of csystemd_clock_step_open and arms it again. Returns 1 if the clock was set since the last call, 0 if it
// wasn't, or a negative errno.
int csystemd_clock_step_take(int fd);

// Sends `message` to the service manager as sd_notify(3) does, but never waits: sd_notify would block, and with it the loop, while
// the manager's queue is full. `descriptor` is sent along, as with sd_pid_notify_with_fds(3), unless it is -1. Returns 1 if it was
// sent, 0 if there is no manager, or a negative errno (EAGAIN: the queue is full).
int csystemd_notify_now(const char *message, int descriptor);

// Sends an entry in the journal's native protocol to the socket at `path` without waiting. One too large for a datagram goes as a sealed
// file in memory. Returns 0 or a negative errno (EAGAIN: the journal's queue is full).
int csystemd_journal_now(const char *path, const void *entry, size_t count);

// The program's name without its path.
const char *csystemd_program_name(void);

// Asks the service manager over the system bus for the type of a unit's job (org.freedesktop.systemd1(5)), such as "stop" or
// "restart", and waits no longer than `timeout_usec` for each of three answers. Copies it into `type` of `size` bytes, truncated if
// that is too small; empty if the unit has no job. Returns 0 or a negative errno. Any user may ask.
int csystemd_unit_job(const char *unit, uint64_t timeout_usec, char *type, size_t size);

// A connection to the service manager over the system bus, on an event loop: no call waits.
typedef struct csystemd_manager csystemd_manager;

// What the connection reports, each with the `context` of csystemd_manager_open. `ended` and `lost` may close it, `unit` and `removed` may not.
struct csystemd_manager_handlers {
  // A unit in the answer to the call that ends next, as ListUnitsByPatterns has it (org.freedesktop.systemd1(5)); `job` is 0 if it has none.
  void (*unit)(void *context, const char *name, const char *load, const char *active, const char *sub, uint32_t job);
  // The end of a call: the job that it queued, or 0; or the name and the text of a D-Bus error, NULL if there is none.
  void (*ended)(void *context, uint64_t call, uint32_t job, const char *error, const char *text);
  // A job of any unit has ended, with its result.
  void (*removed)(void *context, uint32_t job, const char *result);
  // The connection has ended, and every call before that.
  void (*lost)(void *context);
};

// Connects and subscribes to the manager's signals; the connection may turn out to be none later, by `lost`. `address` is the bus's as in
// sd_bus_set_address(3), NULL for the system bus. Returns 0 or a negative errno.
int csystemd_manager_open(
    sd_event *event, const char *address, struct csystemd_manager_handlers handlers, void *context, csystemd_manager **manager);

// Closes the connection; calls under way end without a report. NULL is allowed.
void csystemd_manager_close(csystemd_manager *manager);

// Asks for the loaded units that match any of the patterns, or for the units of these names, which are loaded for that. `names` ends with NULL.
// Returns 0 or a negative errno.
int csystemd_manager_list_patterns(csystemd_manager *manager, uint64_t call, const char *const *names);
int csystemd_manager_list_names(csystemd_manager *manager, uint64_t call, const char *const *names);

// Calls ReloadOrTryRestartUnit in mode `fail`. Returns 0 or a negative errno.
int csystemd_manager_refresh(csystemd_manager *manager, uint64_t call, const char *unit);

// The unit that this process belongs to; empty if it belongs to none, or `size` is too small. Returns 0 or a negative errno.
int csystemd_own_unit(char *unit, size_t size);
