internal import Core
internal import JSON
internal import Secrets

/// Reads an AccessKey from a file in one of three forms.
///
/// - the CSV which the RAM console offers when a key is made: a header with `AccessKey ID` and `AccessKey Secret`, one
///   row. The vendor documents the download, not its columns; so they are found by name, in any order, among others,
///   quoted or not, with or without a byte order mark.
/// - JSON with `AccessKeyId` and `AccessKeySecret`, in any of the usual spellings, also inside `AccessKey` as the answer
///   of CreateAccessKey has them, and as the one item of a list.
/// - `NAME=value` lines as for a shell: `ALIBABA_CLOUD_ACCESS_KEY_ID` and `…_SECRET`, with other prefixes or none.
///
/// An incomplete file is an error, so that a reader that comes too early keeps its former key. A file of another kind is reported
/// as that kind. The secret goes from the text into a `Secret` without an intermediate String.
package enum AccessKeyFile {
  /// A credential may have at most 1 MiB under systemd; a key needs a hundred bytes.
  package static let maxLength = 65_536

  package static func parse(_ text: Span<UInt8>) throws(AccessKeyFileError) -> AccessKey {
    guard text.count <= maxLength else { throw AccessKeyFileError(.tooLong) }
    if let encoding = WideEncoding(of: text) { throw AccessKeyFileError(.wide(encoding)) }
    let content = text.extracting(ByteOrderMark.length(in: text)..<text.count)
    var first = 0
    while first < content.count, content[first].isBlank || content[first] == UInt8(ascii: "\n") { first += 1 }
    guard first < content.count else { throw AccessKeyFileError(.empty) }

    var key = AccessKeyParts()
    if content.isJSON(from: first) {
      try parseJSON(content, into: &key)
    } else {
      if let form = OtherForm(of: content, from: first) { throw AccessKeyFileError(.otherForm(form)) }
      let lines = TextLine.lines(of: content).filter { content[$0.range.lowerBound] != UInt8(ascii: "#") }
      if let header = lines.first, header.isTable(in: content) {
        try parseTable(lines, of: content, into: &key)
      } else {
        try parseAssignments(lines, of: content, into: &key)
      }
    }
    return try key.complete()
  }

  private static func parseJSON(_ text: Span<UInt8>, into key: inout AccessKeyParts) throws(AccessKeyFileError) {
    let document: JSONDocument
    do {
      document = try JSONDocument(text)
    } catch {
      let place = JSONPosition(of: error.offset, in: text)
      throw AccessKeyFileError(.notJSON(reason: "column \(place.column): \(error.reason)"), line: place.line)
    }
    let root = document.root
    if root.kind == .array {
      guard root.count == 1 else { throw AccessKeyFileError(.list(count: root.count)) }
      try root.forEachItem { (item) throws(AccessKeyFileError) in try take(item, in: text, into: &key) }
    } else {
      try take(root, in: text, into: &key)
    }
  }

  private static func take(
    _ object: borrowing JSONValue, in text: Span<UInt8>, into key: inout AccessKeyParts
  ) throws(AccessKeyFileError) {
    guard object.kind == .object else { throw AccessKeyFileError(.listOfNoObject) }
    // The aliyun command line's configuration: https://github.com/aliyun/aliyun-cli, config/configuration.go. We don't guess which
    // of its profiles is meant, although it names a current one: that is for a person at a terminal.
    if let profiles = object["profiles"], profiles.kind == .array { throw AccessKeyFileError(.otherForm(.commandLine)) }
    try key.take(membersOf: object, in: text)
  }

  private static func parseTable(
    _ lines: [TextLine], of text: Span<UInt8>, into key: inout AccessKeyParts
  ) throws(AccessKeyFileError) {
    let header = lines[0]
    let columns = header.fields(in: text).map { AccessKeyField(name: text.text($0)) }
    for (field, part) in [(AccessKeyField.id, AccessKeyFileError.Part.id), (.secret, .secret)] {
      guard columns.contains(field) else { throw AccessKeyFileError(.noColumn(part), line: header.number) }
    }
    guard lines.count <= 2 else { throw AccessKeyFileError(.secondKey, line: lines[2].number) }
    guard lines.count == 2 else { return }
    let fields = lines[1].fields(in: text)
    // The rest of a secret with a comma, say.
    guard fields.dropFirst(columns.count).allSatisfy(\.isEmpty) else {
      throw AccessKeyFileError(.surplusField, line: lines[1].number)
    }
    for (column, range) in zip(columns, fields) {
      if let column { try key.take(column, text.extracting(range), line: lines[1].number) }
    }
  }

  private static func parseAssignments(
    _ lines: [TextLine], of text: Span<UInt8>, into key: inout AccessKeyParts
  ) throws(AccessKeyFileError) {
    for line in lines {
      guard let (name, value) = line.assignment(in: text) else {
        throw AccessKeyFileError(.notAnAssignment, line: line.number)
      }
      if let field = AccessKeyField(name: text.text(name)) {
        try key.take(field, text.extracting(value), line: line.number)
      }
    }
  }
}

/// The meaning of a name in the file, in any of the spellings in use; nil for other names.
enum AccessKeyField {
  case id, secret, token

  /// `AccessKey ID`, `AccessKeyId`, `access_key_id`, `ALIBABA_CLOUD_ACCESS_KEY_ID`, `ALIYUN_…`, `ALICLOUD_…`, `OSS_…`. Between the
  /// words may be a blank, `_` or `-`. A name with another character isn't one: `;access_key_id` is commented out.
  init?(name: String) {
    let separators = " _-".utf8
    guard name.utf8.allSatisfy({ $0.isLetterOrDigit || separators.contains($0) }) else { return nil }
    var bare = String(decoding: name.utf8.filter(\.isLetterOrDigit), as: UTF8.self).lowercased()
    for prefix in ["alibabacloud", "alicloud", "aliyun", "oss"] where bare.hasPrefix(prefix) {
      bare.removeFirst(prefix.count)
    }
    switch bare {
    case "accesskeyid": self = .id
    case "accesskeysecret": self = .secret
    case "securitytoken", "ststoken", "sessiontoken": self = .token
    default: return nil
    }
  }
}

/// The parts of the key that have been read so far.
struct AccessKeyParts {
  private var id: String?
  private var secret: Secret?

  mutating func take(_ field: AccessKeyField, _ value: Span<UInt8>, line: Int) throws(AccessKeyFileError) {
    // An empty token or half is ignored; a missing half is reported at the end.
    guard !value.isEmpty else { return }
    switch field {
    case .token: throw AccessKeyFileError(.temporary, line: line)
    case .id:
      guard id == nil else { throw AccessKeyFileError(.twice(.id), line: line) }
      guard value.isCredentialText, value.count <= 128 else { throw AccessKeyFileError(.malformed(.id), line: line) }
      let text = value.text(0..<value.count)
      guard !text.hasPrefix("STS.") else { throw AccessKeyFileError(.temporary, line: line) }
      id = text
    case .secret:
      guard secret == nil else { throw AccessKeyFileError(.twice(.secret), line: line) }
      guard value.isCredentialText else { throw AccessKeyFileError(.malformed(.secret), line: line) }
      // A temporary credential with id and secret swapped.
      guard !value.starts(with: "STS.") else { throw AccessKeyFileError(.temporary, line: line) }
      secret = Secret(copying: value)
    }
  }

  /// The members of an object, and those of its `AccessKey`.
  mutating func take(membersOf object: borrowing JSONValue, in text: Span<UInt8>) throws(AccessKeyFileError) {
    var parts = self
    try object.forEachMember { (name, value) throws(AccessKeyFileError) in
      let line = JSONPosition(of: value.offset, in: text).line
      let name = name.string() ?? ""
      if name == "AccessKey", value.kind == .object { try parts.take(membersOf: value, in: text) }
      guard let field = AccessKeyField(name: name), value.kind != .null else { return }
      if value.kind != .string {
        guard field != .token else { throw AccessKeyFileError(.temporary, line: line) }
        throw AccessKeyFileError(.malformed(field == .id ? .id : .secret), line: line)
      }
      var sink = CredentialSink(count: value.length)
      value.copyString(into: &sink)
      try sink.finish().withBytes { (bytes) throws(AccessKeyFileError) in try parts.take(field, bytes, line: line) }
    }
    self = parts
  }

  func complete() throws(AccessKeyFileError) -> AccessKey {
    guard let id else { throw AccessKeyFileError(.missing(.id)) }
    guard let secret else { throw AccessKeyFileError(.missing(.secret)) }
    let key = AccessKey(id: id, secret: secret)
    if key.isSwapped { throw AccessKeyFileError(.swapped) }
    if key.isIDTwice { throw AccessKeyFileError(.idTwice) }
    return key
  }
}

extension AccessKey {
  /// Whether id and secret are swapped. Ids begin with LTAI; those from before that have 16 characters. Secrets have 30, and one in
  /// fifteen million begins with LTAI by chance.
  fileprivate var isSwapped: Bool {
    if id.hasPrefix(Self.idPrefix) { return false }
    return secret.withBytes { bytes in bytes.starts(with: Self.idPrefix) || id.utf8.count == 30 && bytes.count == 16 }
  }

  fileprivate var isIDTwice: Bool {
    secret.withBytes { bytes in bytes.count == id.utf8.count && bytes.starts(with: id) }
  }
}

extension Span<UInt8> {
  fileprivate func starts(with text: String) -> Bool {
    var at = 0
    for byte in text.utf8 {
      guard at < count, self[at] == byte else { return false }
      at += 1
    }
    return true
  }

  /// Whether an object begins at `first`, or a list; `[` also begins a section of an ini file, but there a name follows.
  fileprivate func isJSON(from first: Int) -> Bool {
    if self[first] == UInt8(ascii: "{") { return true }
    guard self[first] == UInt8(ascii: "[") else { return false }
    var next = first + 1
    while next < count, self[next].isBlank || self[next] == UInt8(ascii: "\n") { next += 1 }
    return next == count || "{[]\"".utf8.contains(self[next])
  }
}
