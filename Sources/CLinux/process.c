#include "clinux_process.h"

#include <sys/prctl.h>
#include <sys/resource.h>

void clinux_forbid_dumps(void) {
  struct rlimit none = {0, 0};
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  setrlimit(RLIMIT_CORE, &none);
}

unsigned long clinux_raise_descriptor_limit(unsigned long most) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  rlim_t wanted = limit.rlim_max < most ? limit.rlim_max : most;
  if (wanted <= limit.rlim_cur) return limit.rlim_cur;
  struct rlimit raised = {wanted, limit.rlim_max};
  return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? wanted : limit.rlim_cur;
}

unsigned long clinux_descriptor_limit(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}
