// CRC-64/XZ of liblzma (lzma/check.h), which is the check that OSS calls crc64ecma.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <lzma.h>
