import Core
import JSON

/// Why a sidecar can't be used.
package struct SidecarError: Error, Equatable, CustomStringConvertible {
  package let path: String
  /// From 1; nil for the whole file.
  package let line: Int?
  package let why: String
  /// What a person can do.
  package var fix = "correct the sidecar, and run again"

  package var description: String { "sidecar '\(path)'\(line.map { ", line \($0)" } ?? ""): \(why)" }
}

extension Sidecar {
  package enum Key: String, CaseIterable, Sendable {
    case title, description, tags
    case categoryID = "cate_id"
    case coverURL = "cover_url"
    case templateGroupID = "template_group_id"
    case workflowID = "workflow_id"
    case storageLocation = "storage_location"
    case userData = "user_data"
    case appID = "app_id"
    case enableFirstFrameCover = "enable_first_frame_cover"
    case generateThumbnail = "generate_thumbnail"
  }

  /// Reads a sidecar's text; `path` is for errors.
  package static func parse(_ text: [UInt8], path: String) throws(SidecarError) -> VideoMetadata {
    // Some editors begin a file with a byte order mark (RFC 8259, section 8.1, lets it be ignored).
    let text = text.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(text.dropFirst(3)) : text
    do throws(Problem) {
      return try parse(text.span)
    } catch {
      let line = error.offset.map { JSONPosition(of: $0, in: text.span).line }
      throw SidecarError(path: path, line: line, why: error.why)
    }
  }

  private struct Problem: Error {
    let offset: Int?
    let why: String
  }

  private static func parse(_ text: Span<UInt8>) throws(Problem) -> VideoMetadata {
    var metadata = VideoMetadata()
    let document: JSONDocument
    do throws(JSONError) {
      document = try JSONDocument(text)
    } catch {
      throw Problem(offset: error.offset, why: error.reason)
    }
    let root = document.root
    guard root.kind == .object else { throw Problem(offset: root.offset, why: "it is no JSON object") }
    try root.forEachMember { (name, value) throws(Problem) in
      let key = try key(name)
      try take(value, of: key, into: &metadata)
    }
    return metadata
  }

  private static func key(_ name: borrowing JSONValue) throws(Problem) -> Key {
    let text = name.string() ?? ""
    if let key = Key(rawValue: text) { return key }
    let near = Spelling.nearest(to: text, among: Key.allCases.map(\.rawValue))
    let hint =
      near.map { "did you mean '\($0)'?" } ?? "known are \(Key.allCases.map(\.rawValue).joined(separator: ", "))"
    throw Problem(offset: name.offset, why: "unknown key '\(VisibleText.escaped(text))'; \(hint)")
  }

  private static func take(
    _ value: borrowing JSONValue, of key: Key, into metadata: inout VideoMetadata
  ) throws(Problem) {
    switch key {
    case .title: metadata.title = try text(value, key)
    case .description: metadata.description = try text(value, key)
    case .tags: metadata.tags = try tags(value)
    case .categoryID: metadata.categoryID = try number(value, key)
    case .coverURL: metadata.coverURL = try text(value, key)
    case .templateGroupID: metadata.templateGroupID = try text(value, key)
    case .workflowID: metadata.workflowID = try text(value, key)
    case .storageLocation: metadata.storageLocation = try text(value, key)
    case .userData: metadata.userData = try object(value, key)
    case .appID: metadata.appID = try text(value, key)
    case .enableFirstFrameCover: metadata.enableFirstFrameCover = try bool(value, key)
    case .generateThumbnail: metadata.generateThumbnail = try bool(value, key)
    }
  }

  private static func problem(_ value: borrowing JSONValue, _ key: Key, _ expected: String) -> Problem {
    Problem(offset: value.offset, why: "'\(key.rawValue)' is \(value.kind.article) where \(expected) belongs")
  }

  private static func text(_ value: borrowing JSONValue, _ key: Key) throws(Problem) -> String {
    guard let text = value.string() else { throw problem(value, key, "a string") }
    return text
  }

  private static func bool(_ value: borrowing JSONValue, _ key: Key) throws(Problem) -> Bool {
    guard let bool = value.bool else { throw problem(value, key, "true or false") }
    return bool
  }

  private static func number(_ value: borrowing JSONValue, _ key: Key) throws(Problem) -> Int64 {
    guard let number = value.int ?? value.string().flatMap({ Int64($0) }) else {
      throw problem(value, key, "a whole number")
    }
    return number
  }

  /// The API takes one text, with commas between the tags.
  private static func tags(_ value: borrowing JSONValue) throws(Problem) -> [String] {
    guard value.kind == .array else { throw problem(value, .tags, "an array of strings") }
    var tags: [String] = []
    try value.forEachItem { (item) throws(Problem) in
      let tag = try text(item, .tags)
      if tag.utf8.contains(UInt8(ascii: ",")) {
        throw Problem(offset: item.offset, why: "a tag has a comma: write two tags, or none")
      }
      tags.append(tag)
    }
    return tags
  }

  private static func object(_ value: borrowing JSONValue, _ key: Key) throws(Problem) -> String {
    if let text = value.string() { return text }
    guard value.kind == .object else { throw problem(value, key, "an object, or its text,") }
    var bytes: [UInt8] = []
    value.copyMinified(into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension JSONValue.Kind {
  fileprivate var article: String {
    switch self {
    case .null: "null"
    case .bool: "true or false"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}
