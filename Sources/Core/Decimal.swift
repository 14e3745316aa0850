extension FixedWidthInteger {
  /// Reads an unsigned decimal number: digits alone, without a sign, which the initializers of the standard library accept.
  ///
  /// Nil for anything else, for no digits, and for a number that doesn't fit. Inlined, and so compiled for the types at hand: looking up
  /// their generic parts at run time took a fifth of all instructions of `rolekeeper get`.
  @inlinable package init?(decimal digits: some Sequence<UInt8>) {
    var value: Self?
    for byte in digits {
      guard byte.isDigit else { return nil }
      let (tens, isTooLarge) = (value ?? 0).multipliedReportingOverflow(by: 10)
      let (sum, isMore) = tens.addingReportingOverflow(Self(byte - UInt8(ascii: "0")))
      guard !isTooLarge, !isMore else { return nil }
      value = sum
    }
    guard let value else { return nil }
    self = value
  }

  @inlinable package init?(decimal text: some StringProtocol) { self.init(decimal: text.utf8) }
}
