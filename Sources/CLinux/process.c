#define _GNU_SOURCE
#include "clinux_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static int word_count;
static char **words;

// glibc gives every constructor the arguments of main.
__attribute__((constructor)) static void keep_words(int count, char **all) {
  word_count = count;
  words = all;
}

// The library's own two functions are in an object file whose constructor reads /proc/self/maps for the arguments at every start,
// even if nobody needs them: 35 µs. With these here, it isn't linked.
char **_swift_stdlib_getUnsafeArgvArgc(int *count);
void _swift_stdlib_overrideUnsafeArgvArgc(char **all, int count);

char **_swift_stdlib_getUnsafeArgvArgc(int *count) {
  *count = word_count;
  return words;
}

void _swift_stdlib_overrideUnsafeArgvArgc(char **all, int count) { keep_words(count, all); }

const char *clinux_argument(int place) { return place >= 0 && place < word_count ? words[place] : NULL; }

void clinux_forbid_dumps(void) {
  struct rlimit none = {0, 0};
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  setrlimit(RLIMIT_CORE, &none);
}

int clinux_hold_standard_descriptors(void) {
  for (int fd = 0; fd <= 2; fd++) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // open(2) returns the lowest free number, which is this one.
    int held = open("/dev/null", O_RDONLY);
    if (held < 0) return -errno;
  }
  return 0;
}

// The signals of signal(7) that end or stop a process by default and aren't caused by a fault of its own:
//
//   SIGPIPE SIGXFSZ              a pipe without a reader, a file at RLIMIT_FSIZE: the call fails with an errno
//   SIGTTIN SIGTTOU              reads and writes of a background process at a terminal ('stty tostop')
//   SIGALRM SIGVTALRM SIGPROF    timers survive execve(2), so the parent process may have set them
//   SIGIO                        another process that holds a pipe of ours may request it (F_SETOWN, fcntl(2))
//   SIGUSR1 SIGUSR2 SIGPWR SIGSTKFLT and the real-time ones: have no meaning here; a stray kill must not end the daemon
//
// Not in the list: SIGTERM and SIGINT stop the daemon, SIGHUP reloads, and the loop takes all three; SIGHUP is blocked until it does.
// SIGQUIT and SIGTSTP come from a person at the terminal, SIGXCPU is the administrator's limit, and SIGABRT, SIGBUS, SIGFPE, SIGILL,
// SIGSEGV, SIGSYS and SIGTRAP are faults after which nothing can be relied on.
void clinux_ignore_stray_signals(void) {
  static const int stray[] = {SIGPIPE, SIGXFSZ, SIGTTIN, SIGTTOU, SIGALRM, SIGVTALRM, SIGPROF,
                              SIGIO,   SIGUSR1, SIGUSR2, SIGPWR,  SIGSTKFLT};
  for (size_t i = 0; i < sizeof stray / sizeof *stray; i++) signal(stray[i], SIG_IGN);
  for (int number = SIGRTMIN; number <= SIGRTMAX; number++) signal(number, SIG_IGN);
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  sigprocmask(SIG_BLOCK, &hangup, NULL);
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
