import Core
import Glibc
import JSON

/// A file beside a video that describes it: `clip.mp4.json` or `clip.json` beside `clip.mp4`. Where both are there the longer name counts
/// alone.
///
///     {"title": "Opening night", "tags": ["2026", "concert"], "cate_id": 1000123456, "user_data": {"Extend": {"id": "17"}}}
///
/// The keys are those of `Key`; others are refused, since one that is misspelled would be missed. `cate_id` is a number or its digits,
/// `tags` an array of strings without commas, `user_data` an object or its text.
package enum Sidecar {
  static let suffix = ".json"
  /// Far above what the API takes: 1024 bytes each for description and user data.
  static let maxSize = 65_536

  /// `NAME` of `NAME.json`; nil for another name.
  static func subject(of name: String) -> String? {
    guard name.utf8.count > suffix.utf8.count, name.utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) else {
      return nil
    }
    return String(decoding: name.utf8.dropLast(suffix.utf8.count), as: UTF8.self)
  }

  /// The names that the sidecar of the video `name` may have; the first one there counts.
  static func names(for name: String) -> [String] { [name, FileName.split(name).stem].map { $0 + suffix } }

  /// The paths of the video's sidecars, without the suffix.
  static func subjects(of path: String) -> [String] {
    let name = FileName.last(of: path)
    let directory = String(decoding: path.utf8.dropLast(name.utf8.count), as: UTF8.self)
    return [name, FileName.split(name).stem].map { directory + $0 }
  }

  /// What the sidecar of the video at `path` says; nil when there is none.
  package static func read(beside path: String) throws(SidecarError) -> VideoMetadata? {
    let name = FileName.last(of: path)
    let directory = String(decoding: path.utf8.dropLast(name.utf8.count), as: UTF8.self)
    for candidate in names(for: name) {
      let sidecar = directory + candidate
      let text: [UInt8]
      do throws(TextFileError) {
        text = try TextFile.read(sidecar, maxSize: maxSize, followsLink: false)
      } catch .system(ENOENT), .system(ENAMETOOLONG) {
        // No file has a name that is longer than names can be (NAME_MAX).
        continue
      } catch {
        throw SidecarError(path: sidecar, line: nil, why: error.description, fix: error.fix)
      }
      return try parse(text, path: sidecar)
    }
    return nil
  }
}
