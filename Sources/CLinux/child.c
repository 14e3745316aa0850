#define _GNU_SOURCE
#include "clinux_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static sigset_t former_mask;
static int has_inbox;
// Those of clinux_ignore, and their actions before it.
static sigset_t ignored;
static void (*former_actions[NSIG])(int);

void clinux_ignore(int number) {
  if (sigismember(&ignored, number)) return;
  former_actions[number] = signal(number, SIG_IGN);
  sigaddset(&ignored, number);
}

static void restore_ignored(void) {
  for (int number = 1; number < NSIG; number++)
    if (sigismember(&ignored, number) == 1) signal(number, former_actions[number]);
}

static void ignore_again(void) {
  for (int number = 1; number < NSIG; number++)
    if (sigismember(&ignored, number) == 1) signal(number, SIG_IGN);
}

int clinux_signal_inbox(const int *signals, int count) {
  sigset_t set;
  sigemptyset(&set);
  for (int i = 0; i < count; i++) {
    if (signals[i] == SIGCHLD) {
      signal(SIGCHLD, SIG_DFL);
    } else {
      struct sigaction action;
      if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN) continue;
    }
    sigaddset(&set, signals[i]);
  }
  sigprocmask(SIG_BLOCK, &set, &former_mask);
  has_inbox = 1;
  int inbox = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return inbox >= 0 ? inbox : -errno;
}

void clinux_release_signals(void) {
  if (has_inbox) sigprocmask(SIG_SETMASK, &former_mask, NULL);
}

int clinux_take_signal(int inbox, clinux_signal *out) {
  struct signalfd_siginfo info;
  ssize_t count = read(inbox, &info, sizeof info);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
  if (count != sizeof info) return 0;
  out->number = (int)info.ssi_signo;
  out->is_from_kernel = info.ssi_code == SI_KERNEL;
  return 1;
}

void clinux_end_by_signal(int number) {
  // The limit doesn't count for a program that takes cores through a pipe (core(5)).
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  signal(number, SIG_DFL);
  raise(number);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
}

char **clinux_environment(void) { return environ; }

int clinux_become(char *const words[], char *const environment[]) {
  restore_ignored();
  if (has_inbox) sigprocmask(SIG_SETMASK, &former_mask, NULL);
  execvpe(words[0], words, environment);
  int number = errno;
  ignore_again();
  return -number;
}

int clinux_start(char *const words[], char *const environment[], pid_t *child) {
  // The program closes its end by starting; until then a failure is reported through it.
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
  pid_t number = fork();
  if (number == 0) {
    int failure = clinux_become(words, environment);
    ssize_t done = write(ends[1], &failure, sizeof failure);
    _exit(done < 0 ? 126 : 127);
  }
  int failure = number < 0 ? -errno : 0;
  close(ends[1]);
  if (number > 0) {
    int reported = 0;
    ssize_t count;
    while ((count = read(ends[0], &reported, sizeof reported)) < 0 && errno == EINTR) {}
    if (count == sizeof reported) {
      failure = reported;
      while (waitpid(number, NULL, 0) < 0 && errno == EINTR) {}
    } else {
      *child = number;
    }
  }
  close(ends[0]);
  return failure;
}

int clinux_child_news_of(pid_t child, int *value) {
  int status = 0;
  pid_t changed = waitpid(child, &status, WNOHANG | WUNTRACED);
  if (changed < 0) return -errno;
  if (changed == 0) return clinux_child_none;
  if (WIFEXITED(status)) {
    *value = WEXITSTATUS(status);
    return clinux_child_exited;
  }
  if (WIFSIGNALED(status)) {
    *value = WTERMSIG(status);
    return clinux_child_killed;
  }
  *value = WSTOPSIG(status);
  return clinux_child_stopped;
}
