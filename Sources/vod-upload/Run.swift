import CLinux
import CloudAPI
import CommandInterface
import Core
import Glibc
import HTTPClient
import LocalClient
import Systemd
import Upload
import Wire

/// A run, from its arguments to its exit status.
final class Run {
  /// Enough for a batch; some hard limits would make the table of descriptors much larger.
  private static let mostDescriptors: UInt = 65_536
  /// The time limit for an answer of the daemon that doesn't involve waiting.
  private static let daemonTimeout = Duration.seconds(5)
  /// How much of a file is read and sent at once, in bytes. Larger pieces take fewer calls, but each connection has a
  /// buffer.
  private static let largestBuffer = 256 * 1024
  private static let allBuffers = 2 * 1024 * 1024

  let arguments: Arguments
  let loop: EventLoop
  private var signals: [SignalSource] = []
  private(set) var journal: BatchJournal!
  private(set) var report: ReportFile?
  private(set) var output: ProgressOutput!
  private(set) var errors: OutputQueue!
  /// Nil until the files are listed.
  private(set) var batch: Batch?
  private var listing: AnyObject?
  private var descriptions: VideoDescriptions!
  private var http: HTTPClient!
  private var credential: RoleCredential!
  private var cloud: CloudClient!
  var watch: WatchedInput?
  private var watches: DirectoryWatches?
  /// The number of files found, and their total size.
  private var found = (files: 0, size: Int64(0))
  private var priming: (any Deferral)!
  private var finishing: (any Deferral)!
  /// Ends the wait for a reader that doesn't read.
  private(set) var endingLimit: (any Alarm)!
  private(set) var end: End?
  /// The result; set when only the output remains to be written.
  var ending: Ending?
  /// The last signal that requested the end.
  private(set) var signal: CInt?
  /// Why no file has been started yet; nil once there has been a credential.
  private(set) var missingCredential: RoleCredential.Failure?
  private var hasCredential = false

  /// Runs to the end and returns the exit status. Throws if the run can't begin.
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
    // Before another thread exists in which a signal could end the process.
    try takeSignals()
    finishing = loop.deferred { [unowned self] in finish() }
    endingLimit = try loop.timer(accuracy: 10_000) { [unowned self] in leave() }
    let client = LocalClient(path: arguments.socket ?? Environment.socketPath, timeout: Self.daemonTimeout)
    for path in arguments.watched { try Self.checkDirectory(path) }
    report = try checkedReport()
    let titles = try readTitles()
    journal = try BatchJournal.open(arguments.journal, on: loop)
    journal.onFailure = { [unowned self] error in
      stop(.broken("\(error)", fix: error.fix ?? "run again with the same journal"))
    }
    journal.onReturn = { [unowned self] in
      show(
        .note("the journal '\(arguments.journal)' was moved or removed while in use; it has been written there again"))
    }
    descriptions = VideoDescriptions(options: arguments.metadata, titles: titles)
    try assembleOutput()
    try assembleCloud(client)
    if !arguments.watched.isEmpty {
      try assembleBatch(InputList())
      try assembleWatch()
    }
  }

  private func assembleOutput() throws {
    errors = try OutputQueue(STDERR_FILENO, scheduler: loop)
    let queue = try OutputQueue(STDOUT_FILENO, scheduler: loop)
    queue.onFailure = { [unowned self] number in
      errors.write(Console.lines("\(Console.WriteError(number: number)); the uploads go on"))
    }
    queue.onRoom = { [unowned self] in batch?.isPaused = false }
    output = try ProgressOutput(queue, json: arguments.isJSON, files: 0, size: 0, scheduler: loop)
  }

  /// The report replaces the file at its path.
  private func checkedReport() throws -> ReportFile? {
    guard let path = arguments.report else { return nil }
    let report = try ReportFile(path)
    for (other, what) in [(arguments.journal, "the journal"), (arguments.titles, "the list of titles")] {
      guard let other, report.isSame(as: other) else { continue }
      throw Arguments.Wrong("'--report' is \(quoted(path)), which is \(what); name another file")
    }
    do throws(ReportFile.Failure) {
      try report.check(extensions: VideoFormat.extensions)
    } catch {
      if error.isMisplaced { throw Arguments.Wrong("\(error)") }
      throw error
    }
    return report
  }

  private func takeSignals() throws {
    for number in [SIGINT, SIGTERM, SIGHUP] {
      // With nohup(1), the run continues when its terminal is closed.
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

  private static func checkDirectory(_ path: String) throws(Arguments.Wrong) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw Arguments.Wrong(
        "'--watch' is \(quoted(path)): \(String(cString: strerror(errno))); name a directory that this user may read")
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw Arguments.Wrong("'--watch' is \(quoted(path)), which is no directory")
    }
  }

  private var scanSettings: InputScan.Settings {
    var settings = InputScan.Settings(extensions: VideoFormat.extensions)
    settings.skip(arguments.journal, as: .journal)
    if let path = arguments.report { settings.skip(path, as: .report) }
    if let path = arguments.titles { settings.skip(path, as: .titles) }
    return settings
  }

  private func assembleCloud(_ client: LocalClient) throws {
    http = try makeHTTPClient()
    http.sendRate = arguments.limitRate
    credential = try RoleCredential(role: arguments.role, client: client, loop: loop, wait: arguments.wait) {
      [unowned self] in cloud.serverTime
    }
    credential.onWait = { [unowned self] failure in
      if !hasCredential { missingCredential = failure }
      show(.waitingForCredential(error: "\(failure)"))
    }
    credential.doubtServerTime = { [unowned self] in cloud.forgetServerTime() }
    var settings = CloudClient.Settings(
      vodEndpoint: arguments.vodEndpoint, userAgent: "vod-upload/\(Version.number)")
    settings.callsPerSecond = arguments.callsPerSecond
    settings.region = arguments.region
    settings.usesSignatureV1 = arguments.signature == .v1
    cloud = try CloudClient(settings, http: http, scheduler: loop, credential: credential) { [unowned self] in
      stop(.credential($0))
    }
    // This takes as long as the daemon's answer, or longer, so it is done while that is awaited.
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
    // As many connections to VOD as to OSS.
    settings.connections = 2 * HTTPClient.handles
    // Nothing else on the loop is urgent.
    settings.socketsPerTurn = HTTPClient.handles
    let connections = min(HTTPClient.handles, arguments.jobs * arguments.parts)
    settings.uploadBuffer = min(Self.largestBuffer, Self.allBuffers / connections)
    guard case .proxy(let url, let user, let password) = try proxy() else {
      return try HTTPClient(loop, settings: settings)
    }
    // A proxy that was given applies to every host.
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

  private func assembleBatch(_ list: InputList) throws {
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
      details: { [descriptions] (file) throws(UploadResult.Trouble) in try descriptions!.details(of: file) },
      report: { [unowned self] in show($0) }, ended: { [unowned self] in stop(.finished) })
  }

  private func assembleWatch() throws {
    let watches = DirectoryWatches(loop)
    watches.onFailure = { [unowned self] in show(.note($0)) }
    self.watches = watches
    var settings = scanSettings
    settings.marksSidecars = true
    settings.checksAccess = true
    let watch = try WatchedInput(
      arguments.watched, settle: arguments.settle, watches: watches, on: loop,
      list: InputScan.lister(of: arguments.watched, settings, journal: arguments.journal),
      handler: { [unowned self] in takeUp($0) })
    watch.onChange = { [unowned self] in show(Self.event(for: $0)) }
    self.watch = watch
  }

  static func event(for change: WatchedInput.Change) -> UploadEvent {
    switch change {
    case .gone(let entry): .passedOver(entry)
    case .back(let path): .note("\(path): the watched directory is there again")
    case .over(let path): .note("\(path): it can be read again, or is gone")
    }
  }

  /// Adds files that have appeared.
  private func takeUp(_ entries: InputList) {
    found.files += entries.fileCount
    found.size = found.size.saturatingAdd(entries.totalSize)
    output.grow(toFiles: found.files, size: found.size)
    batch?.add(entries)
  }

  // MARK: - From beginning to end

  func show(_ event: UploadEvent) {
    output.take(event)
    // If nobody reads the results of these files, no more are started.
    if output.isFull { batch?.isPaused = true }
  }

  private func start() {
    if journal.cutBytes > 0 {
      show(.note("dropped \(journal.cutBytes) bytes that a crash had left at the journal's end"))
    }
    if journal.state.entries.isEmpty {
      show(
        .note(
          "new journal '\(arguments.journal)': the next run continues from it, and without it uploads everything again")
      )
    }
    if watch != nil {
      let names = arguments.watched.joined(separator: ", ")
      show(.note("watching \(names); files are taken up after \(arguments.settle.text) unchanged"))
    }
    // Without a credential, nothing is started.
    credential.request { [unowned self] result in
      switch result {
      case .success:
        hasCredential = true
        missingCredential = nil
        begin()
      case .failure(let failure): stop(.credential(failure))
      }
    }
    if let watch { watch.start() } else { list() }
    priming.schedule()
  }

  /// On another thread: listing a large tree takes long, and longer on a network file system.
  private func list() {
    let (files, settings) = (arguments.files, scanSettings)
    do throws(LoopError) {
      listing = try loop.call({ InputScan.list(files, settings) }) { [unowned self] in take($0) }
    } catch {
      take(InputScan.list(files, settings))
    }
  }

  private func take(_ list: InputList) {
    found = (list.fileCount, list.totalSize)
    output.grow(toFiles: found.files, size: found.size)
    do {
      try assembleBatch(list)
    } catch {
      end = end ?? .broken("\(error)", fix: "raise the limit of open files (ulimit -n), and run again")
    }
    for note in descriptions.titles?.notes(onOthersThan: list) ?? [] { show(.note(note)) }
    // Whichever comes first: the list, or that there is no credential.
    if needsNoCredential, case .credential? = end { end = nil }
    if end == nil { begin() } else { finishing.schedule() }
  }

  /// Whether the list of files is complete, and none is to be uploaded.
  private var needsNoCredential: Bool { batch != nil && arguments.watched.isEmpty && found.files == 0 }

  private func begin() {
    if end == nil, hasCredential || needsNoCredential { batch?.start() }
  }

  /// Ends the run after the present handler; the first reason counts.
  private func stop(_ reason: End) {
    if case .signal(let number) = reason {
      signal = number
      limitEnding()
    }
    if needsNoCredential, case .credential = reason { return }
    end = end ?? reason
    // Unless the run has to end at once, the files are listed first, so that their results can be reported.
    if batch != nil || signal != nil { finishing.schedule() }
  }
}
