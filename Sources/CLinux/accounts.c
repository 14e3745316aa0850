#define _GNU_SOURCE
#include "clinux_accounts.h"

#include <stdio.h>

const struct passwd *clinux_local_user(uid_t uid) {
  FILE *file = fopen("/etc/passwd", "re");
  if (!file) return NULL;
  const struct passwd *entry;
  while ((entry = fgetpwent(file)) && entry->pw_uid != uid) continue;
  fclose(file);
  return entry;
}

const struct group *clinux_local_group(gid_t gid) {
  FILE *file = fopen("/etc/group", "re");
  if (!file) return NULL;
  const struct group *entry;
  while ((entry = fgetgrent(file)) && entry->gr_gid != gid) continue;
  fclose(file);
  return entry;
}
