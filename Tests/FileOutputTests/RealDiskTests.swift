import Glibc
import TestNeeds
import TestSupport
import Testing

@testable import FileOutput

/// With file systems that are really full or read-only; for root only, in mounts of their own.
@Suite(.needs(.root)) struct RealDiskTests {
  struct Outcome: Sendable {
    var failure: FileOutputError?
    var content: String?
    var names: Set<String> = []
  }

  /// Writes through `directory` and reports what readers then find.
  static func attempt(_ directory: inout RoleDirectory, _ text: String, version: UInt64) throws -> Outcome {
    var outcome = Outcome()
    let new = try content(text, version: version)
    do throws(FileOutputError) { _ = try directory.write([new]) } catch { outcome.failure = error }
    outcome.content = FileText.read("\(directory.path)/a")
    outcome.names = names(directory.path)
    return outcome
  }

  @Test func `a full disk leaves the old snapshot whole, and free space lets the next one in`() throws {
    let temporary = try TemporaryDirectory()
    let (full, roomy) = try PrivateMounts.run {
      try PrivateMounts.mountMemory(over: temporary.path, size: 16 * 4096)
      var directory = RoleDirectoryTests.make(temporary.path("roles"), ["a"])
      _ = try Self.attempt(&directory, "old", version: 1)
      let ballast = open(temporary.path("ballast"), O_CREAT | O_WRONLY, 0o600)
      let page = [UInt8](repeating: 0, count: 4096)
      while write(ballast, page, page.count) > 0 {}
      close(ballast)
      let full = try Self.attempt(&directory, "new", version: 2)
      unlink(temporary.path("ballast"))
      return (full, try Self.attempt(&directory, "new", version: 2))
    }
    #expect("\(try #require(full.failure))".contains("No space left on device; make room"))
    #expect(full.content == "old" && full.names == ["a", "current", "gen-1"])
    #expect(roomy.failure == nil && roomy.content == "new")
  }

  @Test func `a read-only disk is reported, without a command for a path in /tmp`() throws {
    let temporary = try TemporaryDirectory()
    let outcome = try PrivateMounts.run {
      try PrivateMounts.mountMemory(over: temporary.path, size: 1 << 20)
      var directory = RoleDirectoryTests.make(temporary.path("roles"), ["a"])
      _ = try Self.attempt(&directory, "old", version: 1)
      try PrivateMounts.makeReadOnly(temporary.path)
      return try Self.attempt(&directory, "new", version: 2)
    }
    let text = "\(try #require(outcome.failure))"
    #expect(
      text.contains("it is read-only for the daemon; name a directory of its own") && !text.contains("ReadWritePaths")
    )
    #expect(outcome.content == "old")
  }
}
