import Core
import Secrets
import Settings

/// A file whose only content is a token: one line of visible ASCII.
enum SecretLine {
  struct Unusable: Error {
    let why: String
    let fix: String
  }

  /// Reads it, without its end and blanks around it. Others than its owner may be able to read it, as whoever makes such a file
  /// decides on that.
  static func read(
    _ path: String, lengths: ClosedRange<Int>, mayOthersWrite: Bool = true
  ) throws(Unusable) -> Secret {
    let content: Secret
    do throws(SecretFile.Unreadable) {
      content = try SecretFile.read(
        path, mayOthersRead: true, mayOthersWrite: mayOthersWrite, most: lengths.upperBound + 64)
    } catch { throw Unusable(why: error.why, fix: error.fix) }
    let line = content.withBytes { bytes in
      var (start, end) = (0, bytes.count)
      while end > start, bytes[end - 1] <= 0x20 { end -= 1 }
      while start < end, bytes[start] <= 0x20 { start += 1 }
      return start..<end
    }
    guard lengths.contains(line.count) else {
      throw Unusable(
        why: line.isEmpty
          ? "empty" : "\(line.count) characters long, allowed are \(lengths.lowerBound) to \(lengths.upperBound)",
        fix: "it has to hold the token and nothing else")
    }
    guard content.withBytes({ bytes in line.allSatisfy { bytes[$0].isVisible } }) else {
      throw Unusable(why: "not one line of visible characters", fix: "it has to hold the token and nothing else")
    }
    return content.withBytes { Secret(copying: $0.extracting(line)) }
  }
}
