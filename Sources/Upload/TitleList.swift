import Core
import Glibc

/// The titles of `--titles FILE`: a path and a title in each record.
///
/// A file named `*.csv` has comma-separated values (RFC 4180), another one a tab between the two. Both are UTF-8. A first record `path`, `title`
/// is a heading. Paths are relative to the working directory, or absolute; `.` and `..` are removed from them by name.
///
/// The text is kept, with an index of the paths: 100,000 titles take some 6 MB more than the file.
package struct TitleList: Sendable {
  package struct Failure: Error, Equatable, CustomStringConvertible {
    package let path: String
    package let line: Int?
    package let why: String

    package var description: String { "titles '\(path)'\(line.map { ", line \($0)" } ?? ""): \(why)" }
  }

  static let maxSize = 64 << 20
  private static let heading = ["path", "title"]

  /// The file's name as it was given, for messages.
  private let name: String
  private let bytes: [UInt8]
  private let format: DelimitedText.Format
  private let workingDirectory: String
  /// The offset of the record of each path, by the path's hash.
  private var offsets: [Int: Int32] = [:]

  package var count: Int { offsets.count }

  /// Reads the file at `path`.
  package static func read(_ path: String) throws(Failure) -> TitleList {
    let bytes: [UInt8]
    do throws(TextFileError) {
      bytes = try TextFile.read(path, maxSize: maxSize)
    } catch {
      throw Failure(path: path, line: nil, why: "\(error); \(error.fix)")
    }
    let isCSV = FileName.split(FileName.last(of: path)).suffix?.lowercased() == "csv"
    return try TitleList(bytes, isCSV ? .commas : .tabs, path: path, workingDirectory: currentDirectory)
  }

  private static var currentDirectory: String {
    guard let path = getcwd(nil, 0) else { return "/" }
    defer { free(path) }
    return String(cString: path)
  }

  /// `path` is for errors.
  init(
    _ bytes: [UInt8], _ format: DelimitedText.Format, path: String, workingDirectory: String
  ) throws(Failure) {
    name = path
    self.bytes = bytes
    self.format = format
    self.workingDirectory = workingDirectory
    do throws(DelimitedText.Problem) {
      try index()
    } catch {
      throw Failure(path: path, line: error.line, why: error.why)
    }
  }

  private mutating func index() throws(DelimitedText.Problem) {
    var text = DelimitedText(bytes, format)
    var isFirst = true
    while let record = try text.next() {
      defer { isFirst = false }
      if isFirst, record.fields == Self.heading { continue }
      guard record.fields.count == 2 else {
        let separator = format == .commas ? "comma" : "tab"
        throw .init(line: record.line, why: "expected a path and a title, separated by a \(separator)")
      }
      let path = absolute(record.fields[0])
      let hash = JournalState.hash(of: path)
      if let other = offsets[hash], let same = self.record(at: Int(other)),
        absolute(same.fields[0]).utf8.elementsEqual(path.utf8)
      {
        throw .init(line: record.line, why: "a second title for '\(VisibleText.escaped(record.fields[0]))'")
      }
      offsets[hash] = Int32(record.offset)
    }
  }

  private func record(at offset: Int) -> DelimitedText.Record? {
    var text = DelimitedText(bytes, format, from: offset)
    // It was parsed before, so this succeeds.
    return try? text.next()
  }

  /// The title of a file by either of its paths; nil if there is none.
  package func title(of file: VideoFile) -> String? { title(at: absolute(file.path)) ?? title(at: file.resolvedPath) }

  private func title(at path: String) -> String? {
    guard let offset = offsets[JournalState.hash(of: path)], let record = record(at: Int(offset)),
      absolute(record.fields[0]).utf8.elementsEqual(path.utf8)
    else { return nil }
    return record.fields[1]
  }

  /// Notes about entries that belong to none of `files`: the lines of the first `most`, and the number of the others.
  package func notes(onOthersThan files: InputList, most: Int = 10) -> [String] {
    var known: Set<Int> = []
    for index in files.indices {
      guard let file = files.file(at: index) else { continue }
      known.insert(JournalState.hash(of: absolute(file.path)))
      known.insert(JournalState.hash(of: file.resolvedPath))
    }
    var others: [(line: Int, path: String)] = []
    var count = 0
    var text = DelimitedText(bytes, format)
    var isFirst = true
    // It was parsed before, so this succeeds.
    while let record = try? text.next() {
      defer { isFirst = false }
      if isFirst, record.fields == Self.heading { continue }
      if known.contains(JournalState.hash(of: absolute(record.fields[0]))) { continue }
      count += 1
      if count <= most { others.append((record.line, record.fields[0])) }
    }
    let notes = others.map { other in
      let hint = other.path.utf8.first == UInt8(ascii: "/") ? "" : " (paths are relative to the working directory)"
      return "titles '\(name)', line \(other.line): '\(other.path)' is no file of this batch\(hint)"
    }
    let rest = count - notes.count
    return rest > 0 ? notes + ["titles '\(name)': \(rest) more lines are of no file of this batch"] : notes
  }

  private func absolute(_ path: String) -> String {
    let whole = path.utf8.first == UInt8(ascii: "/") ? path : "\(workingDirectory)/\(path)"
    var steps: [Substring] = []
    for step in whole.utf8.split(separator: UInt8(ascii: "/")).map(Substring.init) where step != "." {
      if step == ".." { _ = steps.popLast() } else { steps.append(step) }
    }
    return "/" + steps.joined(separator: "/")
  }
}
