extension UInt8 {
  /// Whether the byte may be part of an id, a secret or a token: printable ASCII without blanks, quotes, commas and backslashes,
  /// which would mean something else in a header, an environment file or the formats that split at commas.
  package var isCredentialText: Bool { unfitness == 0 }

  /// 0 if it may be part of one. A number rather than a condition, so that a loop can handle many bytes at a time: every byte of
  /// every token is checked twice, and searching a string took an eighth of a refresh.
  fileprivate var unfitness: UInt8 {
    Self.number(self &- 0x21 > 0x7E - 0x21) | Self.number(self == UInt8(ascii: "\""))
      | Self.number(self == UInt8(ascii: "'")) | Self.number(self == UInt8(ascii: "`"))
      | Self.number(self == UInt8(ascii: ",")) | Self.number(self == UInt8(ascii: "\\"))
  }

  private static func number(_ isTrue: Bool) -> UInt8 { isTrue ? 1 : 0 }
}

extension Span<UInt8> {
  /// Whether every byte may be part of an id, a secret or a token; true if there are no bytes.
  package var isCredentialText: Bool {
    withUnsafeBufferPointer { bytes in
      var unfit: UInt8 = 0
      for byte in bytes { unfit |= byte.unfitness }
      return unfit == 0
    }
  }
}
