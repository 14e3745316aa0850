/// An option of a program, whose raw value is as it is typed: `--socket`.
package protocol CommandOption: Equatable, RawRepresentable<String> {
  /// Whether a value belongs to it: the next word, or what follows `=`.
  var takesValue: Bool { get }

  /// Whether every word after it belongs to a command that the program runs.
  var endsOptions: Bool { get }

  /// `name` may also be a short name.
  init?(name: String)
}

extension CommandOption {
  package var endsOptions: Bool { false }
}

/// The words of the command line sorted: options with their values, and the rest. After `--` every word belongs to the rest.
package struct CommandWords<Option: CommandOption> {
  package private(set) var options: [(option: Option, value: String)] = []
  /// As bytes, since the name of a file needn't be UTF-8.
  package private(set) var operands: [[UInt8]] = []
  /// The operands after `--`; nil without that.
  package private(set) var operandsAfterDashes: [[UInt8]]?
  /// The words after an option that ends the options; nil without such an option.
  package private(set) var command: [[UInt8]]?
  /// The first word that looks like an option and isn't one.
  package private(set) var unknownOption: String?

  package init(_ words: [[UInt8]]) throws(WrongUsage) {
    var rest = words[...]
    while let word = rest.popFirst() {
      if word.elementsEqual("--".utf8) {
        operands += rest
        operandsAfterDashes = Array(rest)
        return
      }
      guard word.first == UInt8(ascii: "-"), word.count > 1 else {
        operands.append(word)
        continue
      }
      try take(word, &rest)
    }
  }

  package func has(_ option: Option) -> Bool {
    // By indices: the iterator of a generic array is looked up at run time, which took a tenth of the instructions of `rolekeeper get`.
    for index in 0..<options.count where options[index].option == option { return true }
    return false
  }

  private mutating func take(_ word: [UInt8], _ rest: inout ArraySlice<[UInt8]>) throws(WrongUsage) {
    let equals = word.firstIndex(of: UInt8(ascii: "=")) ?? word.endIndex
    let name = String(decoding: word[..<equals], as: UTF8.self)
    let ownValue = equals < word.endIndex ? Array(word[(equals + 1)...]) : nil
    guard let option = Option(name: name) else {
      unknownOption = unknownOption ?? name
      return
    }
    guard option.takesValue else {
      guard ownValue == nil else { throw WrongUsage("'\(option.rawValue)' takes no value") }
      options.append((option, ""))
      if option.endsOptions {
        command = Array(rest)
        rest = []
      }
      return
    }
    guard let value = ownValue ?? rest.popFirst() else { throw WrongUsage("'\(option.rawValue)' needs a value") }
    guard let text = String(validating: value, as: UTF8.self) else {
      throw WrongUsage("the value of '\(option.rawValue)' is not UTF-8")
    }
    options.append((option, text))
  }
}
