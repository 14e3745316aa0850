extension UInt8 {
  /// Whether the byte may be part of an id, a secret or a token: printable ASCII without blanks, quotes, commas and backslashes,
  /// which would mean something else in a header, an environment file or the formats that split at commas.
  package var isCredentialText: Bool {
    switch self {
    case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"), UInt8(ascii: ","), UInt8(ascii: "\\"): false
    // Every byte of every token is checked twice: searching a string for it took an eighth of a refresh.
    default: isVisible
    }
  }
}

extension Span<UInt8> {
  /// Whether every byte may be part of an id, a secret or a token; true if there are no bytes.
  package var isCredentialText: Bool { indices.allSatisfy { self[$0].isCredentialText } }
}
