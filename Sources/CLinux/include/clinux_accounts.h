#pragma once

#include <grp.h>
#include <pwd.h>

// The entry of a user in /etc/passwd, or of a group in /etc/group (fgetpwent(3), fgetgrent(3)), without asking directory services:
// those may be slow to answer, and a program without dynamic libraries can't ask them. NULL if there is no such entry. It is valid
// until the next call; only for one thread.
const struct passwd *clinux_local_user(uid_t uid);
const struct group *clinux_local_group(gid_t gid);
