import Core
import Glibc
import LocalSockets
import TestSupport
import Testing

@testable import SocketAPI

@Suite struct SocketWatchTests {
  private let directory: TemporaryDirectory
  private let recorder = LogRecorder()
  private let clock = VirtualScheduler()

  init() throws { directory = try TemporaryDirectory() }

  private var path: String { directory.path("api.sock") }

  /// Nobody could connect any more until a restart, and nothing showed it.
  @Test func `a deleted socket is created again, with one log line`() throws {
    var listener = try UnixListener(path: path, mode: 0o600)
    let watch = try SocketWatch(
      scheduler: clock, log: recorder.log, listener: { listener },
      listenAgain: { listener = try UnixListener(path: path, mode: 0o600) })
    defer { withExtendedLifetime(watch) {} }
    clock.advance(by: .seconds(30))
    #expect(recorder.all.isEmpty)
    unlink(path)
    clock.advance(by: .milliseconds(29_999))
    #expect(!listener.isInPlace)
    clock.advance(by: .milliseconds(1))
    #expect(access(path, F_OK) == 0 && listener.isInPlace)
    clock.advance(by: .seconds(60))
    #expect(recorder.all.count == 1 && recorder.all[0].hasPrefix("warning: the socket was deleted or replaced"))
  }

  @Test func `the socket of another process that listens is left alone, and reported once`() throws {
    var listener = try UnixListener(path: path, mode: 0o600)
    unlink(path)
    let other = try UnixListener(path: path, mode: 0o600)
    let watch = try SocketWatch(
      scheduler: clock, log: recorder.log, listener: { listener },
      listenAgain: { listener = try UnixListener(path: path, mode: 0o600) })
    defer { withExtendedLifetime(watch) {} }
    clock.advance(by: .seconds(60))
    #expect(other.isInPlace && !listener.isInPlace)
    #expect(recorder.all.count == 1 && recorder.all[0].contains("belongs to a living process"))
    other.close()
    clock.advance(by: .seconds(30))
    #expect(listener.isInPlace && recorder.all.count == 2)
  }
}
