// A C target needs a source file; the shims are all inline.
#include "CCurl.h"
