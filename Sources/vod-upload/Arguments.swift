import CloudAPI
import CommandInterface
import Core
import Glibc
import Upload

/// The parsed command line, checked before anything is done.
struct Arguments {
  typealias Wrong = WrongUsage

  enum Signature: String { case v4, v1 }

  static var usual: Arguments { Arguments() }
  static let usualRegion = "cn-shanghai"
  static let usualCAFile = "/etc/ssl/certs/ca-certificates.crt"
  /// The allowed number of files at once, and of parts of one file at once.
  static let atOnce = "1 to \(mostAtOnce)"
  /// The number of connections.
  private static let mostAtOnce = 16

  private(set) var role: String?
  private(set) var socket: String?
  private(set) var wait = Duration.minutes(1)

  /// The paths of files and directories, as bytes.
  private(set) var files: [[UInt8]] = []
  private(set) var watched: [String] = []
  private(set) var settle = Duration.seconds(10)
  private(set) var titles: String?
  private(set) var journal = "vod-upload.journal"
  private(set) var metadata = VideoMetadata()

  /// Nil if it wasn't given: the bucket's region is never guessed.
  private(set) var region: String?
  private(set) var endpoint: String?
  private(set) var signature = Signature.v4
  private(set) var caFile = usualCAFile
  /// Nil to use the environment.
  private(set) var proxy: ProxyChoice?

  private(set) var jobs = 4
  private(set) var parts = 4
  /// In bytes.
  private(set) var partSize = 16 << 20
  private(set) var multipartThreshold = 16 << 20
  private(set) var callsPerSecond = 20.0
  /// In bytes per second; nil for no limit.
  private(set) var limitRate: Int?
  private(set) var tries = 8
  private(set) var allowsMissingCRC = false
  private(set) var retriesUnconfirmed = false

  private(set) var isJSON = false
  private(set) var report: String?

  private init() {}

  var vodEndpoint: String { endpoint ?? "vod.\(region ?? Self.usualRegion).aliyuncs.com" }

  init(_ words: CommandWords<Option>) throws(Wrong) {
    if let unknown = words.unknownOption { throw Self.unknown(unknown) }
    for (option, value) in words.options { try take(option, value) }
    files = words.operands
    try check(words)
  }

  private mutating func take(_ option: Option, _ value: String) throws(Wrong) {
    switch option.entry.group {
    case .credential: try takeCredential(option, value)
    case .files: try takeFiles(option, value)
    case .video: try takeVideo(option, value)
    case .service: try takeService(option, value)
    case .transfer: try takeTransfer(option, value)
    case .output:
      if option == .json { isJSON = true }
      if option == .report { report = try Self.path(value, option) }
    }
  }

  private mutating func takeCredential(_ option: Option, _ value: String) throws(Wrong) {
    switch option {
    case .role:
      // It is sent in a request as it is.
      guard RoleName(value) != nil else {
        throw Wrong("\(quoted(value)) can't be a role's name; names are \(RoleName.rule)")
      }
      role = value
    case .socket: socket = try Self.path(value, option)
    default: wait = try Self.time(value, option)
    }
  }

  private mutating func takeFiles(_ option: Option, _ value: String) throws(Wrong) {
    switch option {
    case .watch: watched.append(try Self.path(value, option))
    case .settle: settle = try Self.time(value, option)
    case .titles: titles = try Self.path(value, option)
    case .journal: journal = try Self.path(value, option)
    default: retriesUnconfirmed = true
    }
  }

  private mutating func takeVideo(_ option: Option, _ value: String) throws(Wrong) {
    switch option {
    case .title: metadata.title = value
    case .description: metadata.description = value
    case .tags:
      metadata.tags = value.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map {
        String(decoding: $0, as: UTF8.self)
      }
    case .categoryID:
      guard let number = Int64(value) else { throw Self.wrong(option, value, "write a category's number") }
      metadata.categoryID = number
    case .coverURL: metadata.coverURL = value
    case .templateGroupID: metadata.templateGroupID = value
    case .workflowID: metadata.workflowID = value
    case .storageLocation: metadata.storageLocation = value
    case .userData: metadata.userData = value
    case .appID: metadata.appID = value
    case .firstFrameCover: metadata.enableFirstFrameCover = true
    default: metadata.generateThumbnail = true
    }
  }

  private mutating func takeService(_ option: Option, _ value: String) throws(Wrong) {
    switch option {
    case .region:
      guard Self.isRegion(value) else { throw Self.wrong(option, value, "write a region such as cn-shanghai") }
      region = value
    case .vodEndpoint:
      guard Self.isHost(value) else {
        throw Self.wrong(option, value, "write a host such as vod.cn-shanghai.aliyuncs.com, without https://")
      }
      endpoint = value
    case .signature:
      guard let signature = Signature(rawValue: value) else {
        throw Self.wrong(option, value, "write v4 or v1")
      }
      self.signature = signature
    case .caFile: caFile = try Self.path(value, option)
    default:
      do throws(ProxyChoice.Flaw) {
        proxy = try ProxyChoice(option: value)
      } catch {
        // Not quoted: it may hold a password.
        throw Wrong("'--proxy' \(error)")
      }
    }
  }

  private mutating func takeTransfer(_ option: Option, _ value: String) throws(Wrong) {
    switch option {
    case .jobs: jobs = try Self.number(value, option, 1...Self.mostAtOnce)
    case .parts: parts = try Self.number(value, option, 1...Self.mostAtOnce)
    case .partSize: partSize = try Self.size(value, option, 100 << 10...5 << 30, "100KiB to 5GiB")
    case .multipartThreshold: multipartThreshold = try Self.size(value, option, 0...5 << 30, "0B to 5GiB")
    case .callsPerSecond:
      guard let rate = Self.decimal(value), (0.1...10_000).contains(rate) else {
        throw Self.wrong(option, value, "allowed are 0.1 to 10000")
      }
      callsPerSecond = rate
    case .limitRate:
      guard let rate = ByteCount.parseRate(value), rate >= 10_000 else {
        throw Self.wrong(option, value, "write a rate such as 10MB/s, at least 10kB/s")
      }
      limitRate = Int(rate)
    case .tries: tries = try Self.number(value, option, 1...100)
    default: allowsMissingCRC = true
    }
  }

  private func check(_ words: CommandWords<Option>) throws(Wrong) {
    if files.isEmpty && watched.isEmpty {
      throw Wrong("name files or directories to upload, or --watch DIR; see 'vod-upload --help'")
    }
    guard !files.contains(where: \.isEmpty) else { throw Wrong("a file's name is empty") }
    if !watched.isEmpty {
      guard files.isEmpty else {
        throw Wrong(
          "'--watch' goes with no other files; upload them by a run of their own, or put them in the directory")
      }
    } else if words.has(.settle) {
      throw Wrong("'--settle' goes with '--watch'")
    }
    do throws(VideoDetailsError) {
      try VideoDescriptions.check(metadata)
    } catch {
      let option = Option.allCases.first { $0.parameter == error.parameter }
      throw Wrong("'\(option?.rawValue ?? error.parameter)' \(error.problem); \(error.allowed)")
    }
    if let report {
      do throws(ReportFile.Failure) { _ = try ReportFile(report) } catch { throw Wrong("\(error)") }
    }
  }
}

extension Arguments {
  private static func wrong(_ option: Option, _ value: String, _ allowed: String) -> Wrong {
    Wrong("'\(option.rawValue)' is \(quoted(value)); \(allowed)")
  }

  fileprivate static func unknown(_ name: String) -> Wrong {
    let near = Spelling.nearest(to: name, among: Option.allCases.map(\.rawValue))
    let hint = near.map { "did you mean '\($0)'?" } ?? "see 'vod-upload --help'"
    return Wrong("there is no option \(quoted(name)); \(hint)")
  }

  private static func path(_ value: String, _ option: Option) throws(Wrong) -> String {
    guard !value.isEmpty else { throw Wrong("'\(option.rawValue)' is empty; write a path") }
    return value
  }

  private static func time(_ value: String, _ option: Option) throws(Wrong) -> Duration {
    guard let time = Duration(text: value) else {
      throw wrong(option, value, "write a time such as 10s, 5min or 1h30min")
    }
    return time
  }

  private static func number(_ value: String, _ option: Option, _ range: ClosedRange<Int>) throws(Wrong) -> Int {
    guard value.utf8.allSatisfy(\.isDigit), let number = Int(value), range.contains(number) else {
      throw wrong(option, value, "allowed are \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  private static func size(
    _ value: String, _ option: Option, _ range: ClosedRange<Int>, _ allowed: String
  ) throws(Wrong) -> Int {
    guard let size = ByteCount.parse(value) else { throw wrong(option, value, "write a size such as 16MiB") }
    guard range.contains(Int(size)) else { throw wrong(option, value, "allowed are \(allowed)") }
    return Int(size)
  }

  /// Digits, with or without a fraction.
  private static func decimal(_ text: String) -> Double? {
    guard text.utf8.allSatisfy({ $0.isDigit || $0 == UInt8(ascii: ".") }) else { return nil }
    return Double(text)
  }

  private static func isRegion(_ text: String) -> Bool {
    let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    return text.utf8.count <= 64 && parts.count >= 2
      && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { $0.isLowercaseLetter || $0.isDigit } }
  }

  /// A host with or without a port; libcurl parses the rest.
  private static func isHost(_ text: String) -> Bool {
    let isFit = text.utf8.allSatisfy { $0.isLetterOrDigit || ".-:[]".utf8.contains($0) }
    return isFit && (1...260).contains(text.utf8.count) && text.utf8.first != UInt8(ascii: "-")
  }
}
