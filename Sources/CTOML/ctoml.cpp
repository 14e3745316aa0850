#include "CTOML.h"

#include "key_parts.h"

// The library asserts of its input what a mistyped text may violate, as `[=a]` does, and in a release build it would take that
// for granted. Its assertions stay on, and become errors.
namespace {
struct BrokenAssertion {};
[[noreturn]] void break_assertion() { throw BrokenAssertion(); }
} // namespace
#undef NDEBUG
#define TOML_ASSERT(condition) ((condition) ? static_cast<void>(0) : break_assertion())

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 32
#include <toml++/toml.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <vector>

static_assert(CTOML_MAX_DEPTH == TOML_MAX_NESTED_VALUES);

struct ctoml_document {
  toml::table table; // owns the texts that the entries point to
  std::vector<ctoml_entry> entries;
};

namespace {

ctoml_position position(const toml::source_region &region) { return {region.begin.line, region.begin.column}; }

bool precedes(const ctoml_position &left, const ctoml_position &right) {
  return left.line != right.line ? left.line < right.line : left.column < right.column;
}

ctoml_type type(const toml::node &node) {
  switch (node.type()) {
  case toml::node_type::table: return CTOML_TABLE;
  case toml::node_type::array: return CTOML_ARRAY;
  case toml::node_type::string: return CTOML_STRING;
  case toml::node_type::integer: return CTOML_INTEGER;
  case toml::node_type::floating_point: return CTOML_FLOAT;
  case toml::node_type::boolean: return CTOML_BOOLEAN;
  default: return CTOML_DATE_TIME;
  }
}

class Flattener {
public:
  explicit Flattener(std::vector<ctoml_entry> &entries) : entries(entries) {}

  void add(const toml::node &node, ctoml_entry entry) {
    const size_t own = entries.size();
    entry.type = type(node);
    entry.value_position = position(node.source());
    if (!entry.key) entry.key_position = entry.value_position;
    if (auto *string = node.as_string()) {
      entry.text = string->get().data();
      entry.text_length = string->get().size();
    } else if (auto *integer = node.as_integer()) {
      entry.integer = integer->get();
    } else if (auto *floating = node.as_floating_point()) {
      entry.floating = floating->get();
    } else if (auto *boolean = node.as_boolean()) {
      entry.boolean = boolean->get();
    }
    entries.push_back(entry);
    if (auto *table = node.as_table()) addMembers(*table, own);
    if (auto *array = node.as_array()) addItems(*array, own);
    entries[own].end = entries.size();
  }

private:
  void addMembers(const toml::table &table, size_t own) {
    struct Member {
      const toml::key *key;
      const toml::node *node;
    };
    std::vector<Member> members;
    members.reserve(table.size());
    for (auto &&[key, node] : table) members.push_back({&key, &node});
    std::sort(members.begin(), members.end(), [](const Member &left, const Member &right) {
      return precedes(position(left.key->source()), position(right.key->source()));
    });
    for (const Member &member : members) {
      ctoml_entry entry{};
      entry.parent = own;
      entry.key = member.key->str().data();
      entry.key_length = member.key->str().size();
      entry.key_position = position(member.key->source());
      add(*member.node, entry);
    }
  }

  void addItems(const toml::array &array, size_t own) {
    for (size_t index = 0; index < array.size(); index++) {
      ctoml_entry entry{};
      entry.parent = own;
      entry.index = index;
      add(array[index], entry);
    }
  }

  std::vector<ctoml_entry> &entries;
};

// The line on which the library breaks an assertion, which has no place of its own: the first line up to which the text
// breaks it too, since what follows isn't read.
uint32_t line_of_broken_assertion(std::string_view text) {
  std::vector<size_t> ends;
  for (size_t at = 0; at < text.size(); at++)
    if (text[at] == '\n') ends.push_back(at + 1);
  ends.push_back(text.size());
  const auto breaks = [&](size_t end) {
    try {
      static_cast<void>(toml::parse(text.substr(0, end)));
      return false;
    } catch (const BrokenAssertion &) {
      return true;
    } catch (const toml::parse_error &) {
      return false;
    }
  };
  const auto first = std::partition_point(ends.begin(), ends.end() - 1, [&](size_t end) { return !breaks(end); });
  return static_cast<uint32_t>(first - ends.begin() + 1);
}

ctoml_document *fail(ctoml_error *error, ctoml_position position, const char *message, size_t length) {
  error->position = position;
  snprintf(error->message, sizeof error->message, "%.*s", static_cast<int>(std::min<size_t>(length, 400)), message);
  return nullptr;
}

ctoml_document *parse(std::string_view source, ctoml_error *error) try {
  if (const auto long_key = find_long_key(source)) {
    static constexpr std::string_view message = "a key of more than 32 parts";
    return fail(error, *long_key, message.data(), message.size());
  }
  auto document = std::make_unique<ctoml_document>();
  document->table = toml::parse(source);
  Flattener(document->entries).add(document->table, ctoml_entry{});
  return document.release();
} catch (const BrokenAssertion &) {
  static constexpr std::string_view message = "something stands here that can't";
  return fail(error, {line_of_broken_assertion(source), 1}, message.data(), message.size());
} catch (const toml::parse_error &problem) {
  return fail(error, position(problem.source()), problem.description().data(), problem.description().size());
} catch (const std::bad_alloc &) {
  static constexpr std::string_view message = "out of memory";
  return fail(error, {1, 1}, message.data(), message.size());
} catch (const std::exception &problem) {
  return fail(error, {1, 1}, problem.what(), std::char_traits<char>::length(problem.what()));
} catch (...) {
  static constexpr std::string_view message = "the TOML library gave up";
  return fail(error, {1, 1}, message.data(), message.size());
}

} // namespace

// The inner function answers every exception, but its handlers may run out of memory themselves.
extern "C" ctoml_document *ctoml_parse(const char *text, size_t length, ctoml_error *error) try {
  return parse(std::string_view(text, length), error);
} catch (...) {
  error->position = {1, 1};
  snprintf(error->message, sizeof error->message, "out of memory");
  return nullptr;
}

extern "C" size_t ctoml_count(const ctoml_document *document) { return document->entries.size(); }

extern "C" const ctoml_entry *ctoml_entries(const ctoml_document *document) { return document->entries.data(); }

extern "C" void ctoml_free(ctoml_document *document) { delete document; }
