#pragma once
#include <stdbool.h>

// Called on both sides of each fsync(2) and fdatasync(2): ends the program by SIGKILL if this is where its environment says so.
void fault_shim_end(bool is_before);
