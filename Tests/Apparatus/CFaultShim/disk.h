#pragma once

// Returns when a read of `fd` does not hang any more.
void fault_shim_await_read(int fd);
