import Core
import Glibc
import Secrets
import TestSupport
import Testing

@testable import FileOutput

@Suite struct FileWriterTests {
  let temporary: TemporaryDirectory
  let writer: FileWriter
  /// With this table all of `temporary` is in memory; with an empty one nothing is.
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
  func drain(_ results: Results, until count: Int, from another: FileWriter? = nil) throws {
    let writer = another ?? writer
    while results.all.count < count {
      var waiting = pollfd(fd: writer.descriptor, events: Int16(POLLIN), revents: 0)
      try #require(poll(&waiting, 1, 20_000) == 1)
      writer.drain()
    }
  }

  @Test func `outputs in memory are written before the call returns`() throws {
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

  /// The host's disk, counting the copies of secrets.
  private final class CountingDisk: OutputDisk {
    private let host = HostDisk()
    var copies = 0

    func directory(
      of role: String, in parent: String, _ outputs: [(name: OutputName, file: OutputFile)]
    )
      -> any WritableTarget
    { host.directory(of: role, in: parent, outputs) }

    func file(_ path: OutputPath, _ output: OutputFile) -> any WritableTarget {
      host.file(path, output)
    }

    func seal(_ content: Secret, version: UInt64) throws(FileOutputError) -> SealedContent {
      copies += 1
      return try host.seal(content, version: version)
    }

    func removeFormerDirectories(
      in directory: String, keeping roles: Set<String>, endedBy end: (String) -> Int?
    )
      throws(FileOutputError) -> FormerDirectoryRemoval
    { try host.removeFormerDirectories(in: directory, keeping: roles, endedBy: end) }

    func snapshotNumber(of role: String, in directory: String) -> UInt64? {
      host.snapshotNumber(of: role, in: directory)
    }
  }

  /// Each role's secrets were copied every minute, before it was known whether that was needed.
  @Test func `content is copied for the disk only when there is something to write`() throws {
    let place = try #require(OutputPath(temporary.path("b")))
    for mounts in [memory, MountTable("")] {
      let disk = CountingDisk()
      let writer = FileWriter(now: { 0 }, worker: try Worker(now: { 0 }), disk: disk)
      let queue = WriteQueue(
        writer, WriteTarget.file(SingleFile(place, output(.elsewhere(place)))), mounts)
      let results = Results()
      func write(_ text: String) throws {
        let count = results.all.count
        queue.write([secret(text)], completion: results.note)
        try drain(results, until: count + 1, from: writer)
      }
      for _ in 1...5 { try write("one") }
      #expect(results.changes == [true, false, false, false, false] && disk.copies == 1)
      chmod(temporary.path("b"), 0o444)
      try write("one")
      #expect(results.changes.last == true && disk.copies == 2)
      #expect(results.all.last?.drifts.map(\.found) == ["mode 0444 instead of 0400"])
      try write("two")
      #expect(text("b") == "two" && disk.copies == 3)
      unlink(temporary.path("b"))
    }
  }

  /// The verification fixed its mode before anything could report it.
  @Test(arguments: [true, false])
  func `a directory of ours with loosened permissions is reported with its mode`(_ isInMemory: Bool) throws {
    let outputs = outputs(isInMemory ? memory : MountTable(""))
    let results = Results()
    func write() throws -> [OutputDrift] {
      let count = results.all.count
      outputs.write([secret("A"), secret("B"), secret("C")], completion: results.note)
      try drain(results, until: count + 2)
      return results.all.suffix(2).flatMap(\.drifts)
    }
    #expect(try write() == [])
    let path = temporary.path("roles/uploader")
    chmod(path, 0o777)
    #expect(try write() == [OutputDrift(path: path, found: "mode 0777 instead of 0711")])
    #expect(Look(path)?.mode == 0o711)
    #expect(try write() == [], "once")
    try AccessControlList.lets(1001, at: path)
    chmod(path, 0o755)
    let found = try write()
    #expect(
      found.map(\.path) == [path] && found[0].found.hasSuffix(" instead of 0711, an access control list"), "\(found)")
    // Drift of files found by the same verification is reported with it, once.
    chmod(path, 0o755)
    chmod("\(path)/current/a", 0o644)
    #expect(
      try write() == [
        OutputDrift(path: path, found: "mode 0755 instead of 0711"),
        OutputDrift(path: "\(path)/a", found: "mode 0644 instead of 0400"),
      ])
  }

  struct LinkCase: Sendable {
    let name: String
    let target: String?
    let found: String
  }

  @Test(arguments: [
    LinkCase(name: "a", target: nil, found: "missing"),
    LinkCase(name: "a", target: "/etc/passwd", found: "a link to something else"),
    LinkCase(name: "current", target: nil, found: "missing"),
    LinkCase(name: "current", target: "gen-9", found: "a link to something else"),
    LinkCase(name: "current/.expires", target: nil, found: "missing"),
    LinkCase(name: "current/.expires", target: "9", found: "a link to something else"),
  ])
  func `a missing link is reported as missing, not as changed`(_ row: LinkCase) throws {
    let outputs = outputs(memory)
    let results = Results()
    outputs.write([secret("A"), secret("B"), secret("C")], completion: results.note)
    let path = temporary.path("roles/uploader/\(row.name)")
    let real = row.name == "current/.expires" ? temporary.path("roles/uploader/gen-1/.expires") : path
    unlink(path)
    if let target = row.target { symlink(target, path) }
    outputs.write([secret("A"), secret("B"), secret("C")], completion: results.note)
    #expect(results.all.suffix(2).flatMap(\.drifts) == [OutputDrift(path: real, found: row.found)])
  }

  /// All files showed "ok" for as long as the disk didn't return.
  @Test func `the age of a disk's order is known until it returns`() throws {
    let clock = ManualClock(5)
    let writer = try FileWriter { clock.now }
    let stuck = try StuckQueue(writer, at: temporary.path("stuck"))
    #expect(writer.pendingSince == nil)
    stuck.write("1")
    stuck.awaitStuck()
    #expect(try #require(writer.begun) == (temporary.path("stuck"), 5))
    clock.now = 20
    // An order that waits behind it has its own age.
    let other = try StuckQueue(writer, at: temporary.path("other"))
    other.write("1")
    stuck.write("2")
    #expect(writer.pendingSince == 5 && stuck.queue.pendingSince == 5 && other.queue.pendingSince == 20)
    stuck.release()
    other.release()
    while stuck.results.all.count < 2 || other.results.all.isEmpty {
      var waiting = pollfd(fd: writer.descriptor, events: Int16(POLLIN), revents: 0)
      try #require(poll(&waiting, 1, 20_000) == 1)
      writer.drain()
    }
    #expect(writer.pendingSince == nil && stuck.queue.pendingSince == nil && text("stuck") == "2")
    #expect(writer.begun == nil)
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

  @Test func `outputs on a disk are written by the worker and reported when the owner drains`() throws {
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

  /// A target whose every step waits until `release` is called.
  private final class StuckQueue {
    let queue: WriteQueue
    let results = Results()
    private let ends: (reading: CInt, writing: CInt)
    /// Each step takes a byte.
    private let steps: (reading: CInt, writing: CInt)

    init(_ writer: FileWriter, at path: String) throws {
      var ends: [CInt] = [0, 0]
      pipe(&ends)
      let reading = ends[0]
      self.ends = (ends[0], ends[1])
      pipe(&ends)
      let announcing = ends[1]
      steps = (ends[0], ends[1])
      let place = try #require(OutputPath(path))
      var file = SingleFile(place, output(.elsewhere(place)))
      file.calls = Calls { _, _ in
        var byte: UInt8 = 0
        Glibc.write(announcing, &byte, 1)
        read(reading, &byte, 1)
        return 0
      }
      queue = WriteQueue(writer, WriteTarget.file(file), MountTable(""))
    }

    func write(_ text: String) { queue.write([secret(text)], completion: results.note) }

    /// Waits until the worker has reached the first step.
    func awaitStuck() {
      var byte: UInt8 = 0
      read(steps.reading, &byte, 1)
    }

    func release() { close(ends.writing) }

    deinit { for end in [ends.reading, steps.reading, steps.writing] { close(end) } }
  }

  @Test func `a stuck disk delays nothing else, and the latest order that waits for it is carried out`() throws {
    let stuck = try StuckQueue(writer, at: temporary.path("stuck"))
    for number in 1...5 { stuck.write("\(number)") }
    let others = Results()
    outputs(memory).write([secret("A"), secret("B"), secret("C")], completion: others.note)
    #expect(others.changes == [true, true])
    #expect(stuck.results.all.isEmpty)
    stuck.release()
    try drain(stuck.results, until: 2)
    #expect(stuck.results.changes == [true, true])
    #expect(text("stuck") == "5")
  }

  /// Many reloads on a slow disk left a queue of obsolete writes, and files lapsed behind it.
  @Test func `outputs released before the disk begins with them are neither written nor reported`() throws {
    let stuck = try StuckQueue(writer, at: temporary.path("stuck"))
    stuck.write("1")
    let results = Results()
    order(100, results)
    let last = outputs(MountTable(""))
    last.write([secret("Z"), secret("B"), secret("C")], completion: results.note)
    stuck.release()
    try drain(results, until: 2)
    #expect(results.changes == [true, true])
    #expect(text("roles/uploader/a") == "Z")
    #expect(target(temporary.path("roles/uploader/current")) == "gen-1")
  }

  /// Each held a file in memory for each of its three contents. In a process of its own, where nobody else has files open.
  @Test func `a dropped order holds no descriptor, however long the disk is stuck`() async {
    await #expect(processExitsWith: .success) {
      let tests = try FileWriterTests()
      let stuck = try StuckQueue(tests.writer, at: tests.temporary.path("stuck"))
      stuck.write("1")
      stuck.awaitStuck()
      tests.order(1, Results())
      let before = Self.descriptors
      tests.order(100, Results())
      precondition(Self.descriptors == before, "\(before) descriptors, then \(Self.descriptors)")
      stuck.release()
    }
  }

  /// Orders writes over and over, and releases each at once.
  private func order(_ rounds: Int, _ results: Results) {
    for round in 1...rounds {
      outputs(MountTable("")).write([secret("A\(round)"), secret("B"), secret("C")], completion: results.note)
    }
  }

  /// How many outputs' contents this process holds in memory; the test runner has other descriptors.
  private static var descriptors: Int {
    guard let directory = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(directory) }
    var count = 0
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      var target = [CChar](repeating: 0, count: 256)
      let size = readlink("/proc/self/fd/\(name)", &target, target.count - 1)
      if size > 0, String(decoding: target.prefix(size).map(UInt8.init(bitPattern:)), as: UTF8.self).contains("memfd:")
      {
        count += 1
      }
    }
    return count
  }

  @Test func `released outputs still carry out a final removal`() throws {
    let outputs = outputs(MountTable(""))
    let results = Results()
    outputs.write([secret("A"), secret("B"), secret("C")], completion: results.note)
    try drain(results, until: 2)
    let stuck = try StuckQueue(writer, at: temporary.path("stuck"))
    stuck.write("1")
    var leaving: RoleOutputs? = self.outputs(MountTable(""))
    // The write waits for the disk, and the removal for the write.
    leaving!.write([secret("A2"), secret("B2"), secret("C2")], completion: results.note)
    leaving!.remove(completion: results.note)
    leaving = nil
    stuck.release()
    // The worker does one job after another: the last one given is done last.
    let place = try #require(OutputPath(temporary.path("last")))
    let last = WriteQueue(
      writer, WriteTarget.file(SingleFile(place, output(.elsewhere(place)))), MountTable(""))
    last.write([secret("Z")], completion: results.note)
    try drain(results, until: 3)
    #expect([text("roles/uploader/a"), text("b"), text("last")] == [nil, nil, "Z"])
  }

  /// It was carried out after the write that had been ordered in its place, and removed a valid file.
  @Test func `a waiting withdrawal is dropped with its outputs, since later ones own the path`() throws {
    let stuck = try StuckQueue(writer, at: temporary.path("stuck"))
    stuck.write("1")
    stuck.awaitStuck()
    let results = Results()
    var old: RoleOutputs? = outputs(MountTable(""))
    old!.write([secret("A"), secret("B"), secret("C")], completion: results.note)
    old!.withdraw(completion: results.note)
    let new = outputs(MountTable(""))
    new.write([secret("A2"), secret("B2"), secret("C2")], completion: results.note)
    old = nil
    stuck.release()
    try drain(results, until: 2)
    // The worker does one job after another: the last one given is done last.
    let place = try #require(OutputPath(temporary.path("last")))
    let last = WriteQueue(
      writer, WriteTarget.file(SingleFile(place, output(.elsewhere(place)))), MountTable(""))
    last.write([secret("Z")], completion: results.note)
    try drain(results, until: 3)
    #expect([text("roles/uploader/a"), text("b"), text("roles/uploader/c")] == ["A2", "B2", "C2"])
  }

  /// A daemon that was stopped while it wrote to a disk ended with SIGABRT.
  @Test func `outputs may outlive the writer, with a write or a removal under way`() throws {
    var writer: FileWriter? = try FileWriter()
    let stuck = try StuckQueue(try #require(writer), at: temporary.path("stuck"))
    stuck.write("1")
    let results = Results()
    func outputs() throws -> RoleOutputs {
      let place = output(.elsewhere(OutputPath(temporary.path("b"))!))
      return RoleOutputs(
        try #require(writer), directory: temporary.path("roles"), role: "uploader", outputs: [place],
        mounts: MountTable(""))
    }
    var writing: RoleOutputs? = try outputs()
    writing?.write([secret("A")], completion: results.note)
    // This object is held only by its pending order, like those of a removed role.
    let leaving = try outputs()
    leaving.remove { result in withExtendedLifetime(leaving) { results.note(result) } }
    writer = nil
    writing?.withdraw(completion: results.note)
    writing = nil
    stuck.release()
    #expect(results.all.isEmpty)
  }
}
