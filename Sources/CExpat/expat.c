#define _GNU_SOURCE
#include "CExpat.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static void wiping_free(void *block) {
  if (!block) return;
  explicit_bzero(block, malloc_usable_size(block));
  free(block);
}

// Never in place, since realloc(3) leaves what it moves from.
static void *wiping_realloc(void *block, size_t size) {
  if (!block) return malloc(size);
  void *moved = malloc(size);
  if (!moved) return NULL;
  size_t held = malloc_usable_size(block);
  memcpy(moved, block, held < size ? held : size);
  wiping_free(block);
  return moved;
}

XML_Parser cexpat_parser_create(void) {
  static const XML_Memory_Handling_Suite suite = {malloc, wiping_realloc, wiping_free};
  return XML_ParserCreate_MM(NULL, &suite, NULL);
}
