import Glibc
import Secrets
import TestSupport
import Testing

@testable import FileOutput

@Suite struct FileWriterTests {
  let temporary: TemporaryDirectory
  let writer: FileWriter
  /// By this all of `temporary` is in memory; by an empty one nothing is.
  let memory: MountTable

  init() throws {
    temporary = try TemporaryDirectory()
    writer = try FileWriter()
    memory = MountTable("1 0 0:1 / \(temporary.path) rw - tmpfs tmpfs rw")
  }

  final class Results {
    var all: [OutputResult] = []
    var changes: [Bool?] { all.map { try? $0.outcome.get() } }
    func note(_ result: OutputResult) { all.append(result) }
  }

  func outputs(_ mounts: MountTable) -> RoleOutputs {
    RoleOutputs(
      writer, directory: temporary.path("roles"), role: "uploader",
      outputs: [
        output(.inRoleDirectory(OutputName("a")!)), output(.elsewhere(OutputPath(temporary.path("b"))!)),
        output(.inRoleDirectory(OutputName("c")!)),
      ], mounts: mounts)
  }

  func text(_ path: String) -> String? { FileText.read(temporary.path(path)) }

  /// Waits for the worker until `count` results are there.
  func drain(_ results: Results, until count: Int) throws {
    while results.all.count < count {
      var waiting = pollfd(fd: writer.descriptor, events: Int16(POLLIN), revents: 0)
      try #require(poll(&waiting, 1, 20_000) == 1)
      writer.drain()
    }
  }

  @Test func `outputs in memory are written before the call returns, each to its place`() throws {
    let outputs = outputs(memory)
    let results = Results()
    outputs.write([secret("A"), secret("B"), secret("C")], completion: results.note)
    #expect(results.changes == [true, true])
    #expect(Set(results.all.map(\.path)) == [temporary.path("roles/uploader"), temporary.path("b")])
    #expect([text("roles/uploader/a"), text("b"), text("roles/uploader/c")] == ["A", "B", "C"])
    outputs.write([secret("A"), secret("B"), secret("C")], completion: results.note)
    #expect(results.changes.suffix(2) == [false, false])
    outputs.write([secret("A"), secret("B2"), secret("C")], completion: results.note)
    #expect(results.changes.suffix(2).sorted { $0! && !$1! } == [true, false])
    #expect(text("b") == "B2")
  }

  @Test func `a write that failed is tried again with the same content`() throws {
    chmod(temporary.path, 0o777)
    let outputs = outputs(memory)
    let results = Results()
    outputs.write([secret("A"), secret("B"), secret("C")], completion: results.note)
    #expect(results.changes.contains(nil))
    chmod(temporary.path, 0o755)
    outputs.write([secret("A"), secret("B"), secret("C")], completion: results.note)
    #expect([text("roles/uploader/a"), text("b")] == ["A", "B"])
  }

  @Test func `outputs on a disk are written by the worker and told when the owner drains`() throws {
    let outputs = outputs(MountTable(""))
    let results = Results()
    outputs.write([secret("A"), secret("B"), secret("C")], completion: results.note)
    #expect(results.all.isEmpty)
    try drain(results, until: 2)
    #expect(results.changes == [true, true])
    #expect([text("roles/uploader/a"), text("b"), text("roles/uploader/c")] == ["A", "B", "C"])
    outputs.withdraw(completion: results.note)
    try drain(results, until: 4)
    #expect([text("roles/uploader/a"), text("b")] == [nil, nil])
    outputs.write([secret("A"), secret("B"), secret("C")], completion: results.note)
    try drain(results, until: 6)
    #expect(text("roles/uploader/a") == "A")
    outputs.remove(completion: results.note)
    try drain(results, until: 8)
    #expect(names(temporary.path("roles")) == [])
  }

  @Test func `a stuck disk holds up nothing else, and of what waits for it the latest is written`() throws {
    // Every step of this unit waits until the pipe is closed.
    var ends: [CInt] = [0, 0]
    pipe(&ends)
    let (reading, writing) = (ends[0], ends[1])
    defer { close(reading) }
    let place = try #require(OutputPath(temporary.path("stuck")))
    var file = SingleFile(place, output(.elsewhere(place)))
    file.calls = Calls { _, _ in
      var byte: UInt8 = 0
      read(reading, &byte, 1)
      return 0
    }
    let lane = OutputLane(writer, .file(file), MountTable(""))
    let results = Results()
    lane.write([secret("1")], completion: results.note)
    for number in 2...5 { lane.write([secret("\(number)")], completion: results.note) }
    let others = Results()
    outputs(memory).write([secret("A"), secret("B"), secret("C")], completion: others.note)
    #expect(others.changes == [true, true])
    #expect(results.all.isEmpty)
    close(writing)
    try drain(results, until: 2)
    #expect(results.changes == [true, true])
    #expect(text("stuck") == "5")
  }

  @Test func `outputs let go of are still written, and tell nobody`() throws {
    let results = Results()
    var outputs: RoleOutputs? = outputs(MountTable(""))
    outputs!.write([secret("A"), secret("B"), secret("C")], completion: results.note)
    outputs = nil
    // The worker does one job after another: what comes last is done last.
    let place = try #require(OutputPath(temporary.path("last")))
    let last = Results()
    let lane = OutputLane(writer, .file(SingleFile(place, output(.elsewhere(place)))), MountTable(""))
    lane.write([secret("Z")], completion: last.note)
    try drain(last, until: 1)
    #expect(results.all.isEmpty)
    #expect([text("roles/uploader/a"), text("b"), text("last")] == ["A", "B", "Z"])
  }
}
