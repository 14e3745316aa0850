#pragma once

// An argument of the process by its index; 0 is the program's name, NULL follows the last. Swift's own CommandLine.arguments builds
// an array of strings first, which would delay a short command.
const char *clinux_argument(int place);

// Makes this process leave no core dump, and keeps other users' processes from tracing or reading it (PR_SET_DUMPABLE(2const),
// RLIMIT_CORE). Neither can fail for a process's own settings.
void clinux_forbid_dumps(void);

// Opens the null device for reading in place of each standard stream that is closed, so that nothing else gets its number; writing to
// it fails with EBADF, as before. Returns 0 or a negative errno. To be called before anything is opened.
int clinux_hold_standard_descriptors(void);

// Ignores signals that would end or stop a daemon and that a file, a pipe, a terminal in the background, an inherited timer or a
// stray kill can cause. The function has the table.
void clinux_ignore_stray_signals(void);

// Raises the soft limit of descriptors to the hard one, at most `most`; returns the limit in force.
unsigned long clinux_raise_descriptor_limit(unsigned long most);

// The soft limit of descriptors.
unsigned long clinux_descriptor_limit(void);
