#pragma once

// Makes this process one that leaves no core dump and that no other user's process may trace or read (PR_SET_DUMPABLE(2const),
// RLIMIT_CORE). Neither can fail for a process about itself.
void clinux_forbid_dumps(void);

// Raises the soft limit of descriptors to the hard one, at most `most`; returns the limit in force.
unsigned long clinux_raise_descriptor_limit(unsigned long most);

// The soft limit of descriptors.
unsigned long clinux_descriptor_limit(void);
