#pragma once

// Whether something keeps the kernel's clock synchronised (adjtimex(2), STA_UNSYNC): 1 or 0, or a negative errno.
int clinux_clock_is_synchronised(void);
