import Glibc
import TestSupport
import Testing

@testable import LocalSockets

/// Descriptors that a client passes to us, of which none is wanted.
@Suite struct PassedDescriptorTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private var path: String { directory.path("api.sock") }

  /// Linux 6.16 and later.
  private static let refuses = PassedDescriptor.isRefusable

  @Test(.enabled(if: refuses))
  func `the kernel refuses them at our own socket, also before the connection is accepted`()
    throws
  {
    let listener = try UnixListener(path: path, mode: 0o600)
    let client = try StreamConnection(unix: path)
    let pipe = PassedPipe()
    #expect(PassedDescriptor.send(pipe.writeEnd, with: "x", on: client.descriptor) == EPERM)
    guard case .connection(let descriptor, _) = listener.accept() else {
      Issue.record("nobody has connected")
      return
    }
    defer { close(descriptor) }
    #expect(PassedDescriptor.send(pipe.writeEnd, with: "x", on: client.descriptor) == EPERM)
    // What has none still comes through.
    try client.send("y")
    var byte: UInt8 = 0
    #expect(recv(descriptor, &byte, 1, 0) == 1 && byte == UInt8(ascii: "y"))
  }

  @Test(.enabled(if: refuses)) func `and at an inherited one`() throws {
    let own = try UnixListener(path: path, mode: 0o600)
    PassedDescriptor.permit(by: own.descriptor)
    let earlier = try StreamConnection(unix: path)
    let inherited = try InheritedSocket(dup(own.descriptor)).listener()
    let client = try StreamConnection(unix: path)
    let pipe = PassedPipe()
    #expect(PassedDescriptor.send(pipe.writeEnd, with: "x", on: client.descriptor) == EPERM)
    // One that connected while nobody had taken over the socket yet.
    #expect(PassedDescriptor.send(pipe.writeEnd, with: "x", on: earlier.descriptor) == 0)
    withExtendedLifetime(inherited) {}
  }

  /// What `HTTPServer` relies on, on every kernel.
  @Test func `reading without a place for them closes them`() throws {
    let listener = try UnixListener(path: path, mode: 0o600)
    PassedDescriptor.permit(by: listener.descriptor)
    let client = try StreamConnection(unix: path)
    guard case .connection(let descriptor, _) = listener.accept() else {
      Issue.record("nobody has connected")
      return
    }
    defer { close(descriptor) }
    let pipe = PassedPipe()
    #expect(PassedDescriptor.send(pipe.writeEnd, with: "x", on: client.descriptor) == 0)
    pipe.closeWriteEnd()
    #expect(!pipe.isAtEnd, "it is in the queue")
    var byte: UInt8 = 0
    #expect(recv(descriptor, &byte, 1, 0) == 1)
    #expect(pipe.hasEnded)
  }
}
