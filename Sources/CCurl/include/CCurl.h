// libcurl for Swift: curl.h itself, and a shim for each of its variadic functions, one per type of argument,
// since Swift can't call variadics. Every function has the prefix ccurl_.
#pragma once

#include <curl/curl.h>
#include <string.h>

#include "ccurl_authorities.h"
#include "ccurl_identity.h"

// curl_easy_setopt(3), curl_multi_setopt(3), curl_easy_getinfo(3).

static inline CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode ccurl_set_large(CURL *easy, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(easy, option, value);
}

// libcurl copies `value`; NULL sets the option back.
static inline CURLcode ccurl_set_string(CURL *easy, CURLoption option, const char *value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, void *value) {
  return curl_easy_setopt(easy, option, value);
}

// The type of CURLOPT_WRITEFUNCTION and CURLOPT_HEADERFUNCTION.
typedef size_t (*ccurl_receive)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode ccurl_set_receive(CURL *easy, CURLoption option, ccurl_receive function) {
  return curl_easy_setopt(easy, option, function);
}

static inline CURLcode ccurl_set_read(CURL *easy, curl_read_callback function) {
  return curl_easy_setopt(easy, CURLOPT_READFUNCTION, function);
}

static inline CURLcode ccurl_set_seek(CURL *easy, curl_seek_callback function) {
  return curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, function);
}

// Whoever makes and closes the sockets of connections that `easy` begins; a connection may outlive it.
static inline CURLcode ccurl_set_sockets(CURL *easy, curl_opensocket_callback open, curl_closesocket_callback close,
                                         void *context) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open);
  if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, context);
  if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close);
  return code == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, context) : code;
}

// libcurl copies the bytes; CURLOPT_POSTFIELDSIZE_LARGE says how many.
static inline CURLcode ccurl_copy_body(CURL *easy, const void *bytes) {
  return curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, bytes);
}

static inline CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
}

static inline CURLMcode ccurl_multi_set_socket(CURLM *multi, curl_socket_callback function, void *context) {
  CURLMcode code = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, function);
  return code != CURLM_OK ? code : curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
}

static inline CURLMcode ccurl_multi_set_timer(CURLM *multi, curl_multi_timer_callback function, void *context) {
  CURLMcode code = curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, function);
  return code != CURLM_OK ? code : curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
}

static inline CURLcode ccurl_get_long(CURL *easy, CURLINFO info, long *value) {
  return curl_easy_getinfo(easy, info, value);
}

static inline CURLcode ccurl_get_large(CURL *easy, CURLINFO info, curl_off_t *value) {
  return curl_easy_getinfo(easy, info, value);
}

// libcurl owns what it points to, until the handle is used again.
static inline CURLcode ccurl_get_string(CURL *easy, CURLINFO info, const char **value) {
  return curl_easy_getinfo(easy, info, value);
}

// The result in a CURLMSG_DONE message, which is a member of a C union.
static inline CURLcode ccurl_message_result(const CURLMsg *message) { return message->data.result; }

// Overwrites the text of every line and frees the list: request headers carry a signature.
static inline void ccurl_slist_wipe(struct curl_slist *list) {
  for (struct curl_slist *line = list; line; line = line->next) explicit_bzero(line->data, strlen(line->data));
  curl_slist_free_all(list);
}

// Overwrites `count` bytes with zeroes; the compiler may not drop it (explicit_bzero(3)).
static inline void ccurl_wipe(void *bytes, size_t count) { explicit_bzero(bytes, count); }
