// Small shims over Linux calls that Swift's Glibc module can't express: variadic functions, macros,
// and what needs _GNU_SOURCE. One header a subject; every function has the prefix clinux_.
#pragma once

#include "clinux_accounts.h"
#include "clinux_child.h"
#include "clinux_clock.h"
#include "clinux_files.h"
#include "clinux_heap.h"
#include "clinux_loopback.h"
#include "clinux_memory.h"
#include "clinux_process.h"
#include "clinux_socket.h"
#include "clinux_store.h"
