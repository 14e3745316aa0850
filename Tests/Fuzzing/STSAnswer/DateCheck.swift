import Core
import FuzzSupport
import Glibc

@testable import CloudAPI

/// Holds both readers of dates against the C library.
enum DateCheck {
  static func check(_ text: String) {
    if let time = UTCTime(httpDate: text) {
      require(formatted(time, "%a, %d %b %Y %H:%M:%S GMT") == text, "'\(text)' is read as \(time)")
      checkISO(time.description)
    }
    checkISO(text)
  }

  private static func checkISO(_ text: String) {
    guard let time = UTCTime(text) else { return }
    require(time.description == text, "'\(text)' is read as \(time)")
    require(formatted(time, "%Y-%m-%dT%H:%M:%SZ") == text, "'\(text)' is read as \(time)")
  }

  private static func formatted(_ time: UTCTime, _ format: String) -> String {
    var seconds = time_t(time.seconds)
    var fields = tm()
    gmtime_r(&seconds, &fields)
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
      let count = strftime(buffer.baseAddress, buffer.count, format, &fields)
      return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
  }
}
