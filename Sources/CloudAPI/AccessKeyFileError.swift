/// An error in an AccessKey file, with its line; never quotes a value.
package struct AccessKeyFileError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Part: String, Sendable {
    case id = "AccessKey id"
    case secret = "AccessKey secret"
  }

  package enum Problem: Hashable, Sendable {
    case empty
    case tooLong
    case notJSON(reason: String)
    case notAnAssignment
    case noColumn(Part)
    case secondKey
    /// More fields than columns.
    case surplusField
    case missing(Part)
    case twice(Part)
    case malformed(Part)
    case temporary
    case swapped
    /// Both places have the id.
    case idTwice
    case wide(WideEncoding)
    case otherForm(OtherForm)
    /// A JSON list that doesn't hold exactly one key.
    case list(count: Int)
    case listOfNoObject
  }

  package let problem: Problem
  /// From 1; nil if the error concerns the file as a whole.
  package let line: Int?

  package init(_ problem: Problem, line: Int? = nil) {
    self.problem = problem
    self.line = line
  }

  package var description: String { "\(why); \(fix)" }

  /// The error with its line.
  package var why: String { (line.map { "line \($0): " } ?? "") + words.why }

  /// What to write or do instead.
  package var fix: String { words.fix }

  private var words: (why: String, fix: String) {
    switch problem {
    case .empty: ("the file is empty", "write the AccessKey's CSV from the RAM console, JSON, or NAME=value lines")
    case .tooLong:
      ("the file is longer than \(AccessKeyFile.maxLength) bytes", "it is to hold one AccessKey and nothing else")
    case .notJSON(let reason): (reason, "correct the JSON")
    case .notAnAssignment:
      (
        "neither NAME=value nor a comment",
        "write ALIBABA_CLOUD_ACCESS_KEY_ID=… and ALIBABA_CLOUD_ACCESS_KEY_SECRET=…"
      )
    case .noColumn(let part): ("no column '\(part.columnName)'", "keep the header of the CSV as the console wrote it")
    case .secondKey: ("a second AccessKey", "keep the one to be used")
    case .surplusField: ("more fields than the header has columns", "copy the row again as the console wrote it")
    case .missing(let part): ("no \(part.rawValue)", "write the file whole, then rename it into place")
    case .twice(let part): ("a second \(part.rawValue)", "keep the one to be used")
    case .malformed(let part):
      ("the \(part.rawValue) holds a blank, a quote, a comma or another character that none has", "copy it again")
    case .temporary:
      (
        "a temporary credential, with a security token or an id that begins with 'STS.'",
        "use the AccessKey of a RAM user"
      )
    case .swapped:
      ("the AccessKey id and the AccessKey secret are swapped", "write the one that begins with LTAI as the id")
    case .idTwice: ("the AccessKey id and the AccessKey secret are the same text", "copy both again")
    case .wide(let encoding):
      (
        "the text is \(encoding.rawValue), and UTF-8 is expected",
        "convert it: iconv -f \(encoding.rawValue) -t UTF-8 FILE | install -m 0400 /dev/stdin NEWFILE"
      )
    case .otherForm(let form): form.words
    case .list(let count): ("a JSON list of \(count) items", "keep the one AccessKey to be used")
    case .listOfNoObject: ("a JSON list without an object in it", "write the AccessKey as an object")
    }
  }
}

extension AccessKeyFileError.Part {
  var columnName: String { self == .id ? "AccessKey ID" : "AccessKey Secret" }
}
