import Glibc
import TestSupport

/// `vod-upload` beside curl and the vendor's packages, and what it takes of the machine.
extension Bench {
  private static let curl = ["/usr/bin/curl", "--silent", "--show-error", "--fail", "--noproxy", "*"]
  private static let smallFile = 64 * 1024
  private static let megabyte = 1_000_000.0

  func measureUpload(_ report: inout Report) throws {
    let stage = try UploadStage(room: 10 * form.uploads.largeFile)
    try measureLargeFile(stage, &report)
    try measureSmallFiles(stage, &report)
    try measureUploadMemory(stage, &report)
    try measureUploadStart(stage, &report)
    try measureUploadEnd(stage, &report)
  }

  // MARK: - One large file

  private func measureLargeFile(_ stage: UploadStage, _ report: inout Report) throws {
    let file = try stage.makeFiles(1, bytes: form.uploads.largeFile, in: "large")[0]
    func upload() throws -> Spawned {
      defer { try? stage.deleteObjects() }
      return try Spawned(stage.command(["--jobs", "1", "--parts", "1", file]))
    }
    func put() throws -> Spawned {
      defer { try? stage.deleteObjects() }
      let trust = ["--cacert", stage.emulator.authorityPath]
      return try Spawned(Self.curl + trust + ["--upload-file", file, try stage.freshURL()])
    }
    // The file and the programs are in memory then.
    _ = try (upload(), put())
    let found = try interleaved(rounds: form.uploads.rounds, [upload, put])
    report.add(
      "Upload of a large file",
      """
      vod-upload with --jobs 1 --parts 1, in parts of 16 MiB one after the other, beside curl -T of the same bytes by a signed URL, in one request \
      and without a checksum: \(form.uploads.largeFile >> 20) MiB.
      """,
      [
        .compared(
          "upload-large-cpu", "s", found[0].map(\.cpu), with: found[1].map(\.cpu), beside: "curl -T",
          target: .ratioAtMost(1.3)),
        .compared(
          "upload-large-wall", "s", found[0].map(\.seconds), with: found[1].map(\.seconds), beside: "curl -T",
          target: .ratioAtMost(1.1)),
      ])
    unlink(file)
  }

  // MARK: - Many small files

  private func measureSmallFiles(_ stage: UploadStage, _ report: inout Report) throws {
    let count = form.uploads.smallFiles
    let files = try stage.makeFiles(count, bytes: Self.smallFile, in: "small")
    let folder = stage.directory.path("small")
    var emulatorTimes: [Double] = []
    func rate(_ command: [String]) throws -> Double {
      defer { try? stage.deleteObjects() }
      return Double(count) / (try Spawned(command).seconds)
    }
    func upload() throws -> Double {
      let before = try cpuSeconds(stage.emulator.child.pid)
      let rate = try rate(stage.command(["--jobs", "4", folder]))
      emulatorTimes.append((try cpuSeconds(stage.emulator.child.pid) - before) / Double(count) * 1e6)
      return rate
    }
    func put() throws -> Double {
      let list = try files.map { "upload-file = \"\($0)\"\nurl = \"\(try stage.freshURL())\"\n" }.joined()
      let path = try stage.directory.write(list, to: "curl.conf")
      return try rate(
        Self.curl + [
          "--cacert", stage.emulator.authorityPath, "--parallel", "--parallel-max", "4", "--no-progress-meter",
          "--config", path,
        ])
    }
    let official = try OfficialUploader()
    var contestants = [upload, put]
    if let official { contestants.append { try official.rate(of: folder, at: stage) } }
    let found = try interleaved(rounds: form.uploads.rounds, contestants)
    var rows = [
      Row.compared("upload-small-rate-curl", "1/s", found[0], with: found[1], beside: "curl --parallel, PUT alone"),
      Row(measure: "upload-small-emulator-cpu", unit: "us", ours: median(emulatorTimes)),
      Row(measure: "upload-small-ceiling-computed", unit: "1/s", ours: Self.ceiling(median(emulatorTimes))),
    ]
    if official != nil {
      rows.insert(
        .compared(
          "upload-small-rate", "1/s", found[0], with: found[2], beside: OfficialUploader.name,
          target: .ratioAtLeast(6)), at: 0)
    }
    report.add(
      "Upload of small files",
      """
      \(count) files of 64 KiB, 4 at once, from the start of the program to its end, with a journal: files a second. The emulator's share is its CPU for a \
      file, on all cores. The ceiling isn't measured but computed: the number of cores divided by that CPU, the files a second that the emulator \
      alone could take.\(official == nil ? " Not installed here: \(OfficialUploader.name)." : "")
      """, rows)
  }

  /// How many files a second the emulator could take with every core to itself, by its CPU for a file in microseconds.
  private static func ceiling(_ cpu: Double) -> Double { Double(sysconf(CInt(_SC_NPROCESSORS_ONLN))) / cpu * 1e6 }

  // MARK: - Memory

  private func measureUploadMemory(_ stage: UploadStage, _ report: inout Report) throws {
    guard geteuid() == 0 else {
      return report.add("Memory of an upload", "Only root may see it: vod-upload can't be dumped.", [])
    }
    func row(_ name: String, atMost bound: Double?, _ options: [String], journal: String? = nil) throws -> Row {
      defer { try? stage.deleteObjects() }
      let most = try stage.largestAnonymous(stage.command(options, journal: journal)) / Self.megabyte
      let measure = "upload-memory-\(name)"
      return bound.map { .bounded(measure, "MB", most, atMost: $0) } ?? Row(measure: measure, unit: "MB", ours: most)
    }
    let large = try stage.makeFiles(4, bytes: form.uploads.largeFile, in: "large")
    var rows = [try row("4-jobs", atMost: 8, large)]
    rows.append(try row("4-jobs-small-parts", atMost: 8, ["--part-size", "100KiB"] + large))
    for file in large { unlink(file) }
    let count = form.uploads.batch
    _ = try stage.makeFiles(count, bytes: 0, in: "batch")
    let (folder, journal) = (stage.directory.path("batch"), stage.directory.path("journal-batch"))
    let bound: Double? = count == 100_000 ? 45 : nil
    rows.append(try row("\(count)-files", atMost: bound, [folder], journal: journal))
    rows.append(try row("\(count)-files-finished", atMost: bound, [folder], journal: journal))
    report.add(
      "Memory of an upload",
      """
      The most that a run with 4 jobs had of its own at any time (Anonymous of /proc/PID/smaps_rollup, read every 10 ms): with four files of \
      \(form.uploads.largeFile >> 20) MiB; with these in parts of 100 KiB, as many as files of a hundred times the size have; with a batch of \(count) empty \
      files, all of which it uploads; with the same batch and journal again, which has them all as finished.
      """, rows)
  }

  // MARK: - Start

  private func measureUploadStart(_ stage: UploadStage, _ report: inout Report) throws {
    let file = try stage.makeFiles(1, bytes: Self.smallFile, in: "start")[0]
    let both = try ["/etc/ssl/certs/ca-certificates.crt", stage.emulator.authorityPath].map { try TextFile.read($0) }
    let bundle = try stage.directory.write(both.joined(), to: "authorities.pem")
    func start(_ authorities: String?) throws -> Double {
      try stage.emulator.ask("DELETE", "/requests")
      let command = stage.command([file], authorities: authorities)
      let started = wallMicroseconds()
      _ = try Spawned(command)
      guard let first = try stage.emulator.times(of: "CreateUploadVideo").first else {
        throw BenchError("vod-upload made no video")
      }
      return Double(first - started) / 1000
    }
    let found = try interleaved(rounds: form.starts, [{ try start(nil) }, { try start(bundle) }])
    report.add(
      "Start of an upload",
      """
      From the start of the program to its first request at the emulator, CreateUploadVideo, where the daemon has a session: medians of \(form.starts) starts. \
      It trusts the emulator's one authority, in the row -host-authorities the host's bundle too.
      """,
      [
        .bounded("upload-start", "ms", median(found[0]), atMost: 30),
        .bounded("upload-start-host-authorities", "ms", median(found[1]), atMost: 30),
      ])
  }

  // MARK: - End

  private func measureUploadEnd(_ stage: UploadStage, _ report: inout Report) throws {
    let files = try stage.makeFiles(4, bytes: form.uploads.largeFile, in: "end")
    defer { for file in files { unlink(file) } }
    var times: [Double] = []
    for number in 0..<form.starts {
      let journal = stage.directory.path("journal-end-\(number)")
      let child = try ChildProcess(stage.command(files, journal: journal), in: stage.directory, named: "end-\(number)")
      while !(FileText.read(journal) ?? "").contains(#""record":"part""#), child.statusIfEnded == nil { usleep(1000) }
      let signalled = wallMicroseconds()
      child.signal(SIGTERM)
      guard child.wait() == 128 + SIGTERM else { throw BenchError("a signal didn't end vod-upload: \(child.errors)") }
      times.append(Double(wallMicroseconds() - signalled) / 1000)
      try stage.deleteObjects()
    }
    report.add(
      "End of an upload by a signal",
      """
      From SIGTERM to the end of the program, with the table of files, while four files of \(form.uploads.largeFile >> 20) MiB are under way with 4 jobs: the \
      median and the longest of \(form.starts) ends.
      """,
      [
        .bounded("upload-signal-to-end", "ms", median(times), atMost: 1000),
        .bounded("upload-signal-to-end-longest", "ms", times.max() ?? 0, atMost: 1000),
      ])
  }

  private func wallMicroseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }
}
