// Times counted in buckets that are at most 1/128 wide, so that millions of them take little room.
#pragma once

#include <stdint.h>

enum { SUB_BITS = 7, SUB = 1 << SUB_BITS, BUCKETS = (64 - SUB_BITS) * SUB };

struct histogram {
  uint64_t total;
  uint64_t most;
  uint32_t counts[BUCKETS];
};

static inline unsigned bucket_of(uint64_t value) {
  if (value < SUB) return value;
  unsigned shift = 63 - __builtin_clzll(value) - SUB_BITS;
  return (shift + 1) * SUB + (unsigned)(value >> shift) - SUB;
}

// The middle of a bucket.
static inline double value_of(unsigned bucket) {
  if (bucket < SUB) return bucket;
  unsigned shift = bucket / SUB - 1;
  return ((double)(bucket % SUB + SUB) + 0.5) * (double)(1ull << shift);
}

static inline void histogram_add(struct histogram *all, uint64_t value) {
  all->counts[bucket_of(value)]++;
  all->total++;
  if (value > all->most) all->most = value;
}

// The value below which `share` of all are; 0 when there are none.
static inline double histogram_quantile(const struct histogram *all, double share) {
  uint64_t rank = (uint64_t)(share * (double)all->total), seen = 0;
  for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
    seen += all->counts[bucket];
    if (all->counts[bucket] && seen > rank) return value_of(bucket);
  }
  return (double)all->most;
}
