// CRC-64/XZ of liblzma (lzma/check.h), which is the check that OSS calls crc64ecma.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <lzma.h>

// lzma_crc64(3) in less than half the time on processors that multiply without carry: the CRC of what `crc` is of, 0 of nothing, followed by
// these bytes.
uint64_t clzma_crc64(const uint8_t *bytes, size_t count, uint64_t crc);
