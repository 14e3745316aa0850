// TOML 1.0 by the toml++ library, laid out flat for callers that don't speak C++.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  CTOML_TABLE,
  CTOML_ARRAY,
  CTOML_STRING,
  CTOML_INTEGER,
  CTOML_FLOAT,
  CTOML_BOOLEAN,
  CTOML_DATE_TIME, // a date, a time or both; its value isn't given
} ctoml_type;

// Lines and columns count from 1, columns in characters.
typedef struct {
  uint32_t line;
  uint32_t column;
} ctoml_position;

// One node of the document. Entry 0 is the document's own table. A table or array is followed by all it holds, which
// ends before entry `end`; what a table holds comes in the order of its keys in the text.
typedef struct {
  ctoml_type type;
  size_t parent; // the table or array it lies in; 0 for entry 0 too
  size_t end;    // behind its last descendant; its own index + 1 for a plain value

  const char *key; // UTF-8 without a terminator; NULL in an array and for entry 0
  size_t key_length;
  size_t index; // its place in its array, from 0

  // UTF-8 of a string, `text_length` bytes and no terminator; NULL for other types.
  const char *text;
  size_t text_length;
  int64_t integer;
  double floating;
  bool boolean;

  ctoml_position key_position; // in an array that of the value
  ctoml_position value_position;
} ctoml_entry;

typedef struct {
  char message[512]; // UTF-8, terminated
  ctoml_position position;
} ctoml_error;

typedef struct ctoml_document ctoml_document;

// Values nest at most so deep, and a key has at most so many parts.
enum { CTOML_MAX_DEPTH = 32, CTOML_MAX_KEY_PARTS = 32 };

// Reads `length` bytes of UTF-8. Returns NULL and fills `error` when they aren't TOML; the text isn't needed afterwards.
// The caller frees the document with ctoml_free.
ctoml_document *ctoml_parse(const char *text, size_t length, ctoml_error *error);

size_t ctoml_count(const ctoml_document *document);

// All entries; they and the texts they point to live as long as the document.
const ctoml_entry *ctoml_entries(const ctoml_document *document);

void ctoml_free(ctoml_document *document);

#ifdef __cplusplus
}
#endif
