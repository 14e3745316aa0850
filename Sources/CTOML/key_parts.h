// A guard in front of toml++, which makes one nested table per part of a dotted key and frees them by recursion: a key of
// some hundred thousand parts, which fits a file of 1 MiB, would overflow the stack.
#pragma once

#include "CTOML.h"

#include <optional>
#include <string_view>

// The place where a key exceeds CTOML_MAX_KEY_PARTS; nothing when none does, or when the text isn't TOML before that.
std::optional<ctoml_position> find_long_key(std::string_view text);
