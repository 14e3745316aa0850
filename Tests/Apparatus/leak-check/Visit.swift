import Glibc
import Laboratory
import TestSupport

/// What one reader does over and over.
enum Visit: CaseIterable {
  /// A connection for each read.
  case passing
  /// One connection for many reads.
  case staying
  /// Half a request, or an answer that nobody reads.
  case vanishing
  /// The stream of events for some lines.
  case subscribing
  /// A read for a longer session, which is fetched for it.
  case reserving

  /// What goes wrong is the daemon's matter only when it shows in its figures: readers are here to come and go.
  func `repeat`(at path: String, until stop: StopFlag, _ chance: SeededGenerator) {
    var chance = chance
    while !stop.isRaised {
      // A reader that is refused, as at 64 connections, tries again.
      try? once(at: path, role: "role\(Int.random(in: 0..<Load.roleCount, using: &chance))")
      usleep(UInt32.random(in: 1000...8000, using: &chance))
    }
  }

  private func once(at path: String, role: String) throws {
    let connection = try StreamConnection(unix: path)
    let target = "/v1/roles/\(role)/credentials"
    switch self {
    case .passing:
      try connection.request("GET", target)
      _ = try connection.readReply()
    case .staying:
      for _ in 0..<50 {
        try connection.request("GET", target)
        _ = try connection.readReply()
      }
    case .vanishing:
      try connection.send("GET \(target) HTTP/1.1\r\nHost: ")
      let other = try StreamConnection(unix: path)
      for _ in 0..<20 { try other.request("GET", "\(target)?min_ttl=3000&wait=30") }
    case .subscribing:
      try connection.request("GET", "/v1/events")
      for _ in 0..<200 where try connection.readLine() == nil { break }
    case .reserving:
      try connection.request("GET", "\(target)?min_ttl=2000&wait=2")
      _ = try connection.readReply()
    }
  }
}
