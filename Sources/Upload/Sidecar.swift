import Core
import Glibc
import JSON

/// A file that describes a video and is beside it: `clip.mp4.json` or `clip.json` for `clip.mp4`. If both exist, only
/// the longer name is used.
///
///     {"title": "Opening night", "tags": ["2026", "concert"], "cate_id": 1000123456, "user_data": {"Extend": {"id": "17"}}}
///
/// The keys are those of `Key`. Others are refused, since a misspelt key would otherwise be ignored. `cate_id` is a
/// number or a string of digits, `tags` an array of strings without commas, `user_data` an object or its JSON text.
package enum Sidecar {
  static let suffix = ".json"
  /// Far more than the API accepts: 1024 bytes each for description and user data.
  static let maxSize = 65_536

  /// `NAME` of `NAME.json`; nil for another name.
  static func subject(of name: String) -> String? {
    guard name.utf8.count > suffix.utf8.count, name.utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) else {
      return nil
    }
    return String(decoding: name.utf8.dropLast(suffix.utf8.count), as: UTF8.self)
  }

  /// The possible names of the sidecar of video `name`; the first one that exists is used.
  static func names(for name: String) -> [String] { [name, FileName.split(name).stem].map { $0 + suffix } }

  /// The paths of the video's sidecars, without the suffix.
  static func subjects(of path: String) -> [String] {
    let name = FileName.last(of: path)
    let directory = String(decoding: path.utf8.dropLast(name.utf8.count), as: UTF8.self)
    return [name, FileName.split(name).stem].map { directory + $0 }
  }

  /// The content of the sidecar of the video at `path`; nil if there is none.
  package static func read(beside path: String) throws(SidecarError) -> VideoMetadata? {
    let name = FileName.last(of: path)
    let directory = String(decoding: path.utf8.dropLast(name.utf8.count), as: UTF8.self)
    for candidate in names(for: name) {
      let sidecar = directory + candidate
      let text: [UInt8]
      do throws(TextFileError) {
        text = try TextFile.read(sidecar, maxSize: maxSize, followsLink: false)
      } catch .system(ENOENT), .system(ENAMETOOLONG) {
        // Such a name exceeds NAME_MAX, so no file has it.
        continue
      } catch {
        throw SidecarError(path: sidecar, line: nil, why: error.description, fix: error.fix)
      }
      return try parse(text, path: sidecar)
    }
    return nil
  }
}
