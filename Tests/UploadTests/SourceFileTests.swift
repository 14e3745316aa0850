import Glibc
import TestSupport
import Testing

@testable import Upload

/// A file that is held open while it is uploaded, and what becomes of its name meanwhile.
@Suite struct SourceFileTests {
  private let directory: TemporaryDirectory
  private let file: SourceFile

  init() throws {
    directory = try TemporaryDirectory()
    file = try SourceFile(path: try directory.write("0123456789", to: "a.mp4"), followsLink: true)
  }

  private func failure() -> CallFailure? {
    do throws(CallFailure) { try file.checkUnchanged() } catch { return error }
    return nil
  }

  private func move(_ name: String, to other: String) {
    #expect(rename(directory.path(name), directory.path(other)) == 0)
  }

  @Test func `a file that nothing happens to is unchanged`() { #expect(failure() == nil) }

  @Test func `a file that is written to has changed`() throws {
    try directory.write("0123456789a", to: "a.mp4")
    #expect(failure()?.kind == .fileChanged)
  }

  /// It counted as uploaded, with the VideoId of what had been there before.
  @Test func `a file that another one replaced has changed`() throws {
    try directory.write("9876543210", to: "new")
    move("new", to: "a.mp4")
    #expect(failure()?.detail == "it was replaced by another file after it was taken up")
    // The last bytes aren't given out.
    let body = FileBody(file, 0..<10)
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 10, alignment: 1)
    defer { room.deallocate() }
    #expect(body.read(0, into: room) == nil && body.failure?.kind == .fileChanged)
  }

  /// It was said to have changed, and to be uploaded with another journal, which made a second video of it.
  @Test func `a file whose name was passed on to another one is what it was, and goes by another name`() throws {
    move("a.mp4", to: "b.mp4")
    try directory.write("9876543210", to: "a.mp4")
    #expect(failure()?.kind == .fileMoved)
    file.path = directory.path("b.mp4")
    #expect(failure() == nil)
  }

  /// Which another file system may have with the same inode, size and time.
  @Test func `within a run, a file on another device is another one`() {
    var elsewhere = Samples.identity
    elsewhere.device += 1
    #expect(Samples.identity.changeInRun(to: elsewhere) == "it was replaced by another file")
    #expect(Samples.identity.change(to: elsewhere) == nil && elsewhere.changeInRun(to: elsewhere) == nil)
  }

  @Test func `a file that was renamed or removed is unchanged`() throws {
    move("a.mp4", to: "b.mp4")
    #expect(failure() == nil)
    #expect(unlink(directory.path("b.mp4")) == 0)
    #expect(failure() == nil)
  }
}
