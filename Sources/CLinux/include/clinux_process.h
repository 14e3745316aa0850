#pragma once

// A word that the process was started with, by its place, the program's name first; NULL behind the last. Swift's own
// CommandLine.arguments makes an array of strings first, which a short command needn't wait for.
const char *clinux_argument(int place);

// Makes this process one that leaves no core dump and that no other user's process may trace or read (PR_SET_DUMPABLE(2const),
// RLIMIT_CORE). Neither can fail for a process about itself.
void clinux_forbid_dumps(void);

// Opens the null device for reading in place of each standard stream that is closed, so that nothing else gets its number; writing to
// it fails with EBADF, as before. Returns 0 or a negative errno. To be called before anything is opened.
int clinux_hold_standard_descriptors(void);

// Lets no signal end a daemon, or stop it, that a file, a pipe, a terminal in the background, a timer of whoever started it or a
// bystander's kill can cause. The table is with the function.
void clinux_ignore_stray_signals(void);

// Raises the soft limit of descriptors to the hard one, at most `most`; returns the limit in force.
unsigned long clinux_raise_descriptor_limit(unsigned long most);

// The soft limit of descriptors.
unsigned long clinux_descriptor_limit(void);
