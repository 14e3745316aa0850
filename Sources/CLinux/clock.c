#include "clinux_clock.h"

#include <errno.h>
#include <sys/timex.h>

int clinux_clock_is_synchronised(void) {
  struct timex state = {.modes = 0};
  if (adjtimex(&state) < 0) return -errno;
  return (state.status & STA_UNSYNC) == 0;
}
