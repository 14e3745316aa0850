#pragma once

#include <sys/types.h>

// Blocks the `count` signals in `signals` that this process doesn't ignore, and returns a descriptor that is readable when one of them
// is pending (signalfd(2)), or a negative errno. An ignored signal stays ignored: a blocked one would be queued all the same. SIGCHLD
// gets its default action, or no child could be waited for. To be called once.
int clinux_signal_inbox(const int *signals, int count);

// A signal that was pending.
typedef struct clinux_signal {
  int number;
  // Whether the kernel sent it, as a terminal does to all of its foreground process group (sigaction(2), SI_KERNEL).
  int is_from_kernel;
} clinux_signal;

// Unblocks what clinux_signal_inbox has blocked: pending signals take effect at once.
void clinux_release_signals(void);

// Takes a pending signal: 1, 0 if there is none, or a negative errno.
int clinux_take_signal(int inbox, clinux_signal *signal);

// Ends this process by a signal, as if it had never been blocked, and without a core; returns only if that is impossible, as for a
// process 1.
void clinux_end_by_signal(int number);

// The environment of this process, ended by NULL.
char **clinux_environment(void);

// Ignores a signal in this process; the programs below get its former action back.
void clinux_ignore(int number);

// Replaces this process by the program `words[0]`, looked up in PATH (execvpe(3)), with the signal mask from before the inbox.
// Returns a negative errno.
int clinux_become(char *const words[], char *const environment[]);

// Starts a child that does the same. Its descriptors, terminal and process group are this process's. Returns 0 with its number in
// `child`, or a negative errno, also for a program that can't be executed.
int clinux_start(char *const words[], char *const environment[], pid_t *child);

enum clinux_child_news {
  clinux_child_none,
  // `value` is its exit status.
  clinux_child_exited,
  // `value` is the signal that ended it.
  clinux_child_killed,
  // `value` is the signal that stopped it.
  clinux_child_stopped,
};

// What became of a child since the last call, without waiting: a value of clinux_child_news, or a negative errno.
int clinux_child_news_of(pid_t child, int *value);
