import CLinux
import CloudAPI
import Core
import Glibc
import HTTPClient
import LocalClient
import Systemd
import Upload
import Wire

/// A run, from its arguments to its exit status.
final class Run {
  /// As many as a batch needs at most, without a table of descriptors as large as some hard limits allow.
  private static let mostDescriptors: UInt = 65_536
  /// How long the daemon may take to answer what it needn't wait for.
  private static let daemonTimeout = Duration.seconds(5)
  /// The pieces in which files are read and sent, in bytes: larger ones take fewer calls, but each connection has one.
  private static let largestBuffer = 256 * 1024
  private static let allBuffers = 2 * 1024 * 1024

  let arguments: Arguments
  let loop: EventLoop
  private var signals: [SignalSource] = []
  private(set) var journal: BatchJournal!
  private(set) var report: ReportFile?
  private(set) var output: ProgressOutput!
  private(set) var batch: Batch!
  private var http: HTTPClient!
  private var credential: RoleCredential!
  private var cloud: CloudClient!
  private var watch: WatchedInput?
  private var watches: DirectoryWatches?
  /// How many files were found, and their bytes.
  private var found = (files: 0, size: Int64(0))
  private var priming: (any Deferral)!
  private var ending: (any Deferral)!
  private var end: End?

  /// Runs to the end; returns the exit status. Throws what keeps it from beginning.
  static func run(_ arguments: Arguments) throws -> Int32 {
    clinux_ignore_stray_signals()
    _ = clinux_raise_descriptor_limit(mostDescriptors)
    let run = Run(arguments, loop: try EventLoop())
    return try withExtendedLifetime(run) {
      try run.assemble()
      run.start()
      return try run.loop.run()
    }
  }

  private init(_ arguments: Arguments, loop: EventLoop) {
    self.arguments = arguments
    self.loop = loop
  }

  private func assemble() throws {
    // Before there is a thread that a signal could end the process in.
    try takeSignals()
    ending = loop.deferred { [unowned self] in finish() }
    let client = LocalClient(
      path: arguments.socket ?? Environment.value("ROLEKEEPER_SOCKET") ?? StandardPath.socket,
      timeout: Self.daemonTimeout)
    for path in arguments.watched where !Self.isDirectory(path) {
      throw Arguments.Wrong("'--watch' is \(quoted(path)), which is no directory")
    }
    try checkReport()
    let role = try arguments.role ?? RoleChoice.only(client)
    report = try arguments.report.map { try ReportFile($0) }
    try report?.check()
    let titles = try readTitles()
    journal = try BatchJournal.open(arguments.journal, on: loop)
    journal.onFailure = { [unowned self] error in
      stop(.broken("\(error)", fix: error.fix ?? "run again with the same journal"))
    }
    let list = arguments.watched.isEmpty ? InputScan.list(arguments.files, scanSettings) : InputList()
    found = (list.fileCount, list.totalSize)
    output = try ProgressOutput(
      json: arguments.isJSON, files: list.fileCount, size: list.totalSize, scheduler: loop)
    try assembleCloud(client, role: role)
    try assembleBatch(list, titles)
    if !arguments.watched.isEmpty { try assembleWatch() }
  }

  /// The report replaces what is at its place.
  private func checkReport() throws {
    guard let path = arguments.report else { return }
    for (other, what) in [(arguments.journal, "the journal"), (arguments.titles, "the list of titles")] {
      guard let other, Self.areSame(path, other) else { continue }
      throw Arguments.Wrong("'--report' is \(quoted(path)), which is \(what); name another file")
    }
  }

  private static func areSame(_ path: String, _ other: String) -> Bool {
    var (one, two) = (stat(), stat())
    guard stat(path, &one) == 0, stat(other, &two) == 0 else { return path == other }
    return one.st_dev == two.st_dev && one.st_ino == two.st_ino
  }

  private func takeSignals() throws {
    for number in [SIGINT, SIGTERM, SIGHUP] {
      // nohup(1) means that a terminal's end doesn't end the run.
      if number == SIGHUP, Self.isIgnored(number) { continue }
      signals.append(try SignalSource(loop, signal: number) { [unowned self] in stop(.signal(number)) })
    }
  }

  private static func isIgnored(_ number: CInt) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  private func readTitles() throws -> TitleList? {
    do throws(TitleList.Failure) {
      return try arguments.titles.map { (path) throws(TitleList.Failure) in try TitleList.read(path) }
    } catch {
      throw Arguments.Wrong("\(error)")
    }
  }

  private static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private var scanSettings: InputScan.Settings {
    var settings = InputScan.Settings(extensions: VideoFormat.extensions)
    settings.skip(arguments.journal, as: .journal)
    if let path = arguments.report { settings.skip(path, as: .report) }
    if let path = arguments.titles { settings.skip(path, as: .titles) }
    return settings
  }

  private func assembleCloud(_ client: LocalClient, role: String) throws {
    http = try makeHTTPClient()
    credential = try RoleCredential(role: role, client: client, loop: loop, wait: arguments.wait) { [unowned self] in
      cloud.serverTime
    }
    credential.onWait = { [unowned self] in output.take(.waitingForCredential(error: "\($0)")) }
    var settings = CloudClient.Settings(
      vodEndpoint: arguments.vodEndpoint, userAgent: "vod-upload/\(Version.number)")
    settings.callsPerSecond = arguments.callsPerSecond
    settings.region = arguments.region
    settings.usesSignatureV1 = arguments.signature == .v1
    cloud = try CloudClient(settings, http: http, scheduler: loop, credential: credential) { [unowned self] in
      stop(.credential($0))
    }
    // Takes as long as the daemon's answer, or longer: done while that is waited for.
    priming = loop.deferred { [unowned self] in
      do throws(HTTPClientError) {
        try http.prime()
      } catch {
        stop(.broken(error.problem, fix: error.remedy))
      }
    }
  }

  private func makeHTTPClient() throws -> HTTPClient {
    var settings = HTTPClient.Settings(
      caFile: arguments.caFile, connectTimeout: .seconds(10), timeout: .seconds(30), lookupTimeout: .seconds(10))
    // To VOD as many as to OSS.
    settings.connections = 2 * HTTPClient.handles
    let connections = min(HTTPClient.handles, arguments.jobs * arguments.parts)
    settings.uploadBuffer = min(Self.largestBuffer, Self.allBuffers / connections)
    guard case .proxy(let url, let user, let password) = try proxy() else {
      return try HTTPClient(loop, settings: settings)
    }
    // A proxy that was named is meant for every host.
    let exemptions = arguments.proxy == nil ? ProxyChoice.exemptionsOfEnvironment : ProxyExemptions("")
    settings.proxy = HTTPClient.Proxy(url: url, user: user, exemptions: exemptions)
    return try HTTPClient(loop, settings: settings, proxyPassword: password)
  }

  private func proxy() throws -> ProxyChoice {
    if let proxy = arguments.proxy { return proxy }
    do throws(ProxyChoice.Flaw) {
      return try ProxyChoice.ofEnvironment()
    } catch {
      throw Arguments.Wrong("https_proxy in the environment \(error)")
    }
  }

  private func assembleBatch(_ list: InputList, _ titles: TitleList?) throws {
    http.sendRate = arguments.limitRate
    let descriptions = VideoDescriptions(options: arguments.metadata, titles: titles)
    var options = Batch.Options()
    options.jobs = arguments.jobs
    options.upload.partsAtOnce = arguments.parts
    options.upload.partSize = arguments.partSize
    options.upload.largestPut = arguments.multipartThreshold
    options.upload.tries = arguments.tries
    options.upload.expectedRate = arguments.limitRate.map { Double($0) / Double(arguments.jobs * arguments.parts) }
    options.upload.allowsMissingCRC = arguments.allowsMissingCRC
    options.upload.retriesUnconfirmed = arguments.retriesUnconfirmed
    options.reportInterval = output.interval
    batch = try Batch(
      list, isOpen: !arguments.watched.isEmpty, options: options, journal: journal, cloud: cloud, scheduler: loop,
      details: { (file) throws(UploadResult.Trouble) in try descriptions.details(of: file) },
      report: { [unowned self] in output.take($0) }, ended: { [unowned self] in stop(.finished) })
  }

  private func assembleWatch() throws {
    let watches = DirectoryWatches(loop)
    watches.onFailure = { [unowned self] error in
      output.take(.note("\(error): new files are found within a minute only"))
    }
    self.watches = watches
    let (directories, settings) = (arguments.watched.map { Array($0.utf8) }, scanSettings)
    watch = try WatchedInput(
      settle: arguments.settle, watches: watches, on: loop, list: { InputScan.list(directories, settings) },
      handler: { [unowned self] in takeUp($0) })
  }

  /// Adds files that have appeared.
  private func takeUp(_ entries: [InputEntry]) {
    for entry in entries {
      guard case .file(let file) = entry.content else { continue }
      found.files += 1
      found.size += file.identity.size
    }
    output.grow(toFiles: found.files, size: found.size)
    batch.add(entries)
  }

  // MARK: - From beginning to end

  private func start() {
    if journal.cutBytes > 0 {
      output.take(.note("dropped \(journal.cutBytes) bytes that a crash had left at the journal's end"))
    }
    // Nothing is begun without a credential.
    credential.request { [unowned self] result in
      switch result {
      case .success: begin()
      case .failure(let failure): stop(.credential(failure))
      }
    }
    priming.schedule()
  }

  private func begin() {
    guard end == nil else { return }
    batch.start()
    watch?.start()
  }

  /// Has the run end after the handler in progress; what ends it first counts.
  private func stop(_ reason: End) {
    guard end == nil else { return }
    end = reason
    ending.schedule()
  }

  private func finish() {
    guard let end else { return }
    watch = nil
    if let trouble = end.trouble { batch.stop(trouble) }
    var couldWrite = closeJournal(after: end)
    let files = batch.files
    let counts = files.counts
    output.end(counts, troubled: files.troubledRows(in: journal))
    couldWrite = writeReport(files) && couldWrite && output.couldWrite
    explain(end)
    loop.exit(code: end.exitStatus(counts, isWatching: !arguments.watched.isEmpty, couldWrite: couldWrite))
  }

  private func closeJournal(after end: End) -> Bool {
    do throws(JournalError) {
      try journal.close()
      return true
    } catch {
      // Its failure may be why the run ends.
      if case .broken = end { return false }
      Console.report("\(error)\(error.fix.map { "; \($0)" } ?? "")")
      return false
    }
  }

  private func writeReport(_ files: BatchFiles) -> Bool {
    guard let report else { return true }
    do throws(ReportFile.Failure) {
      try report.write((0..<files.count).lazy.map { [journal] in files.row(at: $0, in: journal!) })
      return true
    } catch {
      Console.report("\(error)")
      return false
    }
  }

  /// Says on stderr what ended the run, unless the files did.
  private func explain(_ end: End) {
    switch end {
    case .finished: break
    case .signal:
      if arguments.watched.isEmpty, let trouble = end.trouble { Console.report("\(trouble.error); \(trouble.fix)") }
    case .credential, .broken: if let trouble = end.trouble { Console.report("\(trouble.error); \(trouble.fix)") }
    }
  }
}
