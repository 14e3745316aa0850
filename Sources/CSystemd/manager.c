#define _GNU_SOURCE
#include "CSystemd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>

static const char *const name = "org.freedesktop.systemd1";
static const char *const path = "/org/freedesktop/systemd1";
static const char *const interface = "org.freedesktop.systemd1.Manager";

// The manager answers at once; polkit, which it asks about a job, may take a moment.
static const uint64_t call_timeout_usec = 25 * 1000000ull;

struct csystemd_manager {
  sd_bus *bus;
  struct csystemd_manager_handlers handlers;
  void *context;
};

// Of a call under way; freed with its slot, with or without an answer.
struct call {
  csystemd_manager *manager;
  uint64_t number;
};

static int removed(sd_bus_message *message, void *userdata, sd_bus_error *unused) {
  csystemd_manager *manager = userdata;
  uint32_t job = 0;
  const char *object, *unit, *result;
  (void)unused;
  if (sd_bus_message_read(message, "uoss", &job, &object, &unit, &result) >= 0)
    manager->handlers.removed(manager->context, job, result);
  return 0;
}

static int lost(sd_bus_message *message, void *userdata, sd_bus_error *unused) {
  csystemd_manager *manager = userdata;
  (void)message;
  (void)unused;
  manager->handlers.lost(manager->context);
  return 0;
}

static int ignore(sd_bus_message *message, void *userdata, sd_bus_error *unused) {
  (void)message;
  (void)userdata;
  (void)unused;
  return 0;
}

static int connect_to(const char *address, sd_bus **bus) {
  if (address == NULL) return sd_bus_open_system(bus);
  int result = sd_bus_new(bus);
  if (result >= 0) result = sd_bus_set_address(*bus, address);
  if (result >= 0) result = sd_bus_set_bus_client(*bus, 1);
  return result >= 0 ? sd_bus_start(*bus) : result;
}

int csystemd_manager_open(
    sd_event *event, const char *address, struct csystemd_manager_handlers handlers, void *context, csystemd_manager **out) {
  csystemd_manager *manager = calloc(1, sizeof *manager);
  if (manager == NULL) return -ENOMEM;
  manager->handlers = handlers;
  manager->context = context;
  int result = connect_to(address, &manager->bus);
  sd_bus *bus = manager->bus;
  if (result >= 0) result = sd_bus_set_method_call_timeout(bus, call_timeout_usec);
  // A flush at the loop's end would wait for the bus.
  if (result >= 0) result = sd_bus_set_close_on_exit(bus, 0);
  if (result >= 0) result = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
  if (result >= 0)
    result = sd_bus_match_signal(
        bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
        "Disconnected", lost, manager);
  if (result >= 0) result = sd_bus_match_signal_async(bus, NULL, name, path, interface, "JobRemoved", removed, NULL, manager);
  // Without it the end of one's own jobs is reported, but not that of a start that somebody else has queued.
  if (result >= 0) result = sd_bus_call_method_async(bus, NULL, name, path, interface, "Subscribe", ignore, manager, NULL);
  if (result < 0) {
    csystemd_manager_close(manager);
    return result;
  }
  *out = manager;
  return 0;
}

void csystemd_manager_close(csystemd_manager *manager) {
  if (manager == NULL) return;
  // Without a flush, which would wait for a bus that never became ready.
  sd_bus_close_unref(manager->bus);
  free(manager);
}

static void end(struct call *call, uint32_t job, const char *error, const char *text) {
  call->manager->handlers.ended(call->manager->context, call->number, job, error, text);
}

static int listed(sd_bus_message *message, void *userdata, sd_bus_error *unused) {
  struct call *call = userdata;
  csystemd_manager *manager = call->manager;
  (void)unused;
  const sd_bus_error *error = sd_bus_message_get_error(message);
  if (error != NULL) {
    end(call, 0, error->name, error->message);
    return 0;
  }
  int result = sd_bus_message_enter_container(message, 'a', "(ssssssouso)");
  while (result >= 0) {
    const char *unit, *description, *load, *active, *sub, *followed, *object, *type, *job_object;
    uint32_t job = 0;
    result = sd_bus_message_read(
        message, "(ssssssouso)", &unit, &description, &load, &active, &sub, &followed, &object, &job, &type, &job_object);
    if (result <= 0) break;
    manager->handlers.unit(manager->context, unit, load, active, sub, job);
  }
  if (result < 0) end(call, 0, SD_BUS_ERROR_INVALID_SIGNATURE, "the list of units can't be read");
  else end(call, 0, NULL, NULL);
  return 0;
}

static int queued(sd_bus_message *message, void *userdata, sd_bus_error *unused) {
  struct call *call = userdata;
  (void)unused;
  const sd_bus_error *error = sd_bus_message_get_error(message);
  const char *object = NULL;
  unsigned job = 0;
  if (error != NULL) end(call, 0, error->name, error->message);
  // The job's number is in no other place of the answer: `/org/freedesktop/systemd1/job/NUMBER`.
  else if (sd_bus_message_read(message, "o", &object) < 0 || sscanf(object, "/org/freedesktop/systemd1/job/%u", &job) != 1)
    end(call, 0, SD_BUS_ERROR_INVALID_SIGNATURE, "the job's path can't be read");
  else end(call, job, NULL, NULL);
  return 0;
}

// Takes `message` over.
static int start(csystemd_manager *manager, sd_bus_message *message, uint64_t number, sd_bus_message_handler_t answered) {
  struct call *call = malloc(sizeof *call);
  sd_bus_slot *slot = NULL;
  int result = call == NULL ? -ENOMEM : 0;
  if (result >= 0) {
    *call = (struct call){manager, number};
    result = sd_bus_call_async(manager->bus, &slot, message, answered, call, 0);
  }
  if (result < 0) {
    free(call);
  } else {
    sd_bus_slot_set_destroy_callback(slot, free);
    // From now on the bus has it.
    sd_bus_slot_set_floating(slot, 1);
    sd_bus_slot_unref(slot);
  }
  sd_bus_message_unref(message);
  return result < 0 ? result : 0;
}

static int list(csystemd_manager *manager, uint64_t number, const char *method, int has_states, const char *const *names) {
  sd_bus_message *message = NULL;
  int result = sd_bus_message_new_method_call(manager->bus, &message, name, path, interface, method);
  // Of every state.
  if (result >= 0 && has_states) result = sd_bus_message_append_strv(message, NULL);
  if (result >= 0) result = sd_bus_message_append_strv(message, (char **)names);
  if (result < 0) {
    sd_bus_message_unref(message);
    return result;
  }
  return start(manager, message, number, listed);
}

int csystemd_manager_list_patterns(csystemd_manager *manager, uint64_t number, const char *const *names) {
  return list(manager, number, "ListUnitsByPatterns", 1, names);
}

int csystemd_manager_list_names(csystemd_manager *manager, uint64_t number, const char *const *names) {
  return list(manager, number, "ListUnitsByNames", 0, names);
}

int csystemd_manager_refresh(csystemd_manager *manager, uint64_t number, const char *unit) {
  sd_bus_message *message = NULL;
  int result = sd_bus_message_new_method_call(manager->bus, &message, name, path, interface, "ReloadOrTryRestartUnit");
  if (result >= 0) result = sd_bus_message_append(message, "ss", unit, "fail");
  if (result < 0) {
    sd_bus_message_unref(message);
    return result;
  }
  return start(manager, message, number, queued);
}

int csystemd_own_unit(char *unit, size_t size) {
  char *found = NULL;
  unit[0] = 0;
  int result = sd_pid_get_unit(0, &found);
  if (result >= 0 && snprintf(unit, size, "%s", found) >= (int)size) unit[0] = 0;
  free(found);
  // ENODATA: of no unit.
  return result == -ENODATA ? 0 : result < 0 ? result : 0;
}
