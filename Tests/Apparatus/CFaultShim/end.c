#define _GNU_SOURCE
#include "end.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Which call, counted from 1; 0 for none.
static long fatal;
static bool fatal_before;
static atomic_long calls;

__attribute__((constructor)) static void find_end(void) {
  const char *where = getenv("FAULT_SHIM_KILL");
  const char *number = where == NULL ? NULL : strchr(where, ' ');
  if (number == NULL) return;
  fatal = strtol(number, NULL, 10);
  fatal_before = strncmp(where, "before ", 7) == 0;
}

void fault_shim_end(bool is_before) {
  if (fatal == 0) return;
  // Syncs of several threads may overlap: each side counts by itself then, and one of them is the fatal one all the same.
  static atomic_long ended;
  long number = is_before ? atomic_fetch_add(&calls, 1) + 1 : atomic_fetch_add(&ended, 1) + 1;
  if (number == fatal && is_before == fatal_before) kill(getpid(), SIGKILL);
}
