#include "CLZMA.h"

#ifdef __x86_64__
#include <immintrin.h>

// x^(n+63) and x^(n-1) modulo the polynomial, reflected, by which a block of 128 bits is moved over n bits: product and sum of reflected
// polynomials are one bit short. Those of 128 are liblzma's own (crc_x86_clmul.h); the others were computed by the same rule.
static const uint64_t over128[2] = {0xe05dd497ca393ae4, 0xdabe95afc7875f40};
static const uint64_t over1024[2] = {0x8757d71d4fcc1000, 0xd7d86b2af73de740};

enum { lanes = 8, step = lanes * 16 };

__attribute__((target("pclmul"))) static inline __m128i moved(__m128i block, __m128i powers) {
  return _mm_xor_si128(_mm_clmulepi64_si128(block, powers, 0x00), _mm_clmulepi64_si128(block, powers, 0x11));
}

// "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009). liblzma does the same with two blocks at a time,
// each waiting for the multiplication before.
__attribute__((target("pclmul"))) static uint64_t by_lanes(const uint8_t *bytes, size_t count, uint64_t crc) {
  const __m128i far = _mm_loadu_si128((const __m128i *)over1024), near = _mm_loadu_si128((const __m128i *)over128);
  __m128i blocks[lanes];
  for (int i = 0; i < lanes; i++) blocks[i] = _mm_loadu_si128((const __m128i *)bytes + i);
  blocks[0] = _mm_xor_si128(blocks[0], _mm_cvtsi64_si128((long long)~crc));
  for (bytes += step, count -= step; count >= step; bytes += step, count -= step)
    for (int i = 0; i < lanes; i++)
      blocks[i] = _mm_xor_si128(moved(blocks[i], far), _mm_loadu_si128((const __m128i *)bytes + i));
  for (int i = 1; i < lanes; i++) blocks[i] = _mm_xor_si128(blocks[i], moved(blocks[i - 1], near));
  uint8_t last[16];
  _mm_storeu_si128((__m128i *)last, blocks[lanes - 1]);
  // What is left stands for all before: its checksum begins with nothing, whose complement is all ones.
  return lzma_crc64(bytes, count, lzma_crc64(last, sizeof last, ~(uint64_t)0));
}

uint64_t clzma_crc64(const uint8_t *bytes, size_t count, uint64_t crc) {
  return count >= 2 * step && __builtin_cpu_supports("pclmul") ? by_lanes(bytes, count, crc)
                                                               : lzma_crc64(bytes, count, crc);
}
#else
uint64_t clzma_crc64(const uint8_t *bytes, size_t count, uint64_t crc) { return lzma_crc64(bytes, count, crc); }
#endif
