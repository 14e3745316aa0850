/// The words of the command line sorted: options with their values, and the rest. After `--` every word belongs to the rest.
struct CommandWords {
  private(set) var options: [(option: Option, value: String)] = []
  /// Files and directories, byte by byte: a name needn't be UTF-8.
  private(set) var operands: [[UInt8]] = []
  /// The first word that looks like an option and is none.
  private(set) var unknownOption: String?

  init(_ words: [[UInt8]]) throws(Arguments.Wrong) {
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == Array("--".utf8) {
        operands += rest
        return
      }
      guard word.first == UInt8(ascii: "-"), word.count > 1 else {
        operands.append(word)
        continue
      }
      try take(word, &rest)
    }
  }

  func has(_ option: Option) -> Bool { options.contains { $0.option == option } }

  private mutating func take(_ word: [UInt8], _ rest: inout ArraySlice<[UInt8]>) throws(Arguments.Wrong) {
    let equals = word.firstIndex(of: UInt8(ascii: "=")) ?? word.endIndex
    let name = String(decoding: word[..<equals], as: UTF8.self)
    let ownValue = equals < word.endIndex ? Array(word[(equals + 1)...]) : nil
    guard let option = Option(name: name) else {
      unknownOption = unknownOption ?? name
      return
    }
    guard option.takesValue else {
      guard ownValue == nil else { throw Arguments.Wrong("'\(option.rawValue)' takes no value") }
      options.append((option, ""))
      return
    }
    guard let value = ownValue ?? rest.popFirst() else {
      throw Arguments.Wrong("'\(option.rawValue)' needs a value")
    }
    guard let text = String(validating: value, as: UTF8.self) else {
      throw Arguments.Wrong("the value of '\(option.rawValue)' is not UTF-8")
    }
    options.append((option, text))
  }
}
