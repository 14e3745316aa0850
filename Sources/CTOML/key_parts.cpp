#include "key_parts.h"

namespace {

// Passes over the text by TOML's lexical rules alone. Outside of strings and comments, dots occur in keys and, once or
// twice, in numbers and times; every other mark ends the key.
class KeyScanner {
public:
  explicit KeyScanner(std::string_view text) : text(text) {}

  std::optional<ctoml_position> scan() {
    while (at < text.size()) {
      switch (text[at]) {
      case '#': skip_comment(); break;
      case '"':
      case '\'': skip_string(text[at]); break;
      case '.':
        if (++dots >= CTOML_MAX_KEY_PARTS) return ctoml_position{line, column()};
        at++;
        break;
      case '\n': next_line(); [[fallthrough]];
      case '=':
      case ',':
      case '[':
      case ']':
      case '{':
      case '}': dots = 0; [[fallthrough]];
      default: at++;
      }
    }
    return std::nullopt;
  }

private:
  void next_line() {
    line++;
    line_start = at + 1;
  }

  // In characters, by leaving out the continuation bytes of UTF-8.
  uint32_t column() const {
    uint32_t column = 1;
    for (size_t index = line_start; index < at; index++)
      if ((text[index] & 0xC0) != 0x80) column++;
    return column;
  }

  void skip_comment() {
    while (at < text.size() && text[at] != '\n') at++;
  }

  bool starts_with_three(char quote) const {
    return text.size() - at >= 3 && text[at] == quote && text[at + 1] == quote && text[at + 2] == quote;
  }

  void skip_string(char quote) {
    const bool is_multiline = starts_with_three(quote);
    at += is_multiline ? 3 : 1;
    while (at < text.size()) {
      if (text[at] == '\\' && quote == '"') {
        at++;
        if (at < text.size() && text[at] == '\n') next_line();
      } else if (text[at] == '\n') {
        if (!is_multiline) return; // not TOML: the parser stops here, so what follows doesn't matter
        next_line();
      } else if (text[at] == quote && (!is_multiline || starts_with_three(quote))) {
        at += is_multiline ? 3 : 1;
        // Up to two quotes may stand right before the closing three.
        while (is_multiline && at < text.size() && text[at] == quote) at++;
        return;
      }
      at++;
    }
  }

  std::string_view text;
  size_t at = 0;
  size_t line_start = 0;
  uint32_t line = 1;
  int dots = 0;
};

} // namespace

std::optional<ctoml_position> find_long_key(std::string_view text) { return KeyScanner(text).scan(); }
