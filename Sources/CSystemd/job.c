#define _GNU_SOURCE
#include "CSystemd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>
#include <time.h>

static const char *const manager = "org.freedesktop.systemd1";

static uint64_t now_usec(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

// A call would wait 90 s for a bus that accepts the connection and stays silent (BUS_AUTH_TIMEOUT in systemd's sd-bus).
static int become_ready(sd_bus *bus, uint64_t timeout_usec) {
  uint64_t end = now_usec() + timeout_usec;
  for (;;) {
    int result = sd_bus_is_ready(bus);
    if (result != 0) return result;
    result = sd_bus_process(bus, NULL);
    if (result < 0) return result;
    if (result > 0) continue;
    uint64_t now = now_usec();
    if (now >= end) return -ETIMEDOUT;
    result = sd_bus_wait(bus, end - now);
    if (result < 0 && result != -EINTR) return result;
  }
}

static int read_job(sd_bus *bus, const char *unit, char *type, size_t size) {
  char *path = NULL, *text = NULL;
  sd_bus_message *reply = NULL;
  uint32_t id = 0;
  const char *job = NULL;
  int result = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
  if (result >= 0)
    result = sd_bus_get_property(bus, manager, path, "org.freedesktop.systemd1.Unit", "Job", NULL, &reply, "(uo)");
  if (result >= 0) result = sd_bus_message_read(reply, "(uo)", &id, &job);
  // Id 0 means no job.
  if (result >= 0 && id != 0) {
    result = sd_bus_get_property_string(bus, manager, job, "org.freedesktop.systemd1.Job", "JobType", NULL, &text);
    if (result >= 0) snprintf(type, size, "%s", text);
  }
  free(text);
  free(path);
  sd_bus_message_unref(reply);
  return result < 0 ? result : 0;
}

int csystemd_unit_job(const char *unit, uint64_t timeout_usec, char *type, size_t size) {
  sd_bus *bus = NULL;
  type[0] = 0;
  int result = sd_bus_open_system(&bus);
  if (result >= 0) result = sd_bus_set_method_call_timeout(bus, timeout_usec);
  if (result >= 0) result = become_ready(bus, timeout_usec);
  if (result >= 0) result = read_job(bus, unit, type, size);
  // Without a flush, which would wait for a bus that never became ready.
  sd_bus_close_unref(bus);
  return result < 0 ? result : 0;
}
