import CommandInterface
import Core

/// The options, as they are typed: one table for the parser and for the help.
enum Option: String, CaseIterable, CommandOption {
  case role = "--role"
  case socket = "--socket"
  case wait = "--wait"

  case watch = "--watch"
  case settle = "--settle"
  case titles = "--titles"
  case journal = "--journal"
  case retryUnconfirmed = "--retry-unconfirmed"

  case title = "--title"
  case description = "--description"
  case tags = "--tags"
  case categoryID = "--cate-id"
  case coverURL = "--cover-url"
  case templateGroupID = "--template-group-id"
  case workflowID = "--workflow-id"
  case storageLocation = "--storage-location"
  case userData = "--user-data"
  case appID = "--app-id"
  case firstFrameCover = "--enable-first-frame-cover"
  case thumbnail = "--generate-thumbnail"

  case region = "--region"
  case vodEndpoint = "--vod-endpoint"
  case signature = "--signature"
  case caFile = "--ca-file"
  case proxy = "--proxy"

  case jobs = "--jobs"
  case parts = "--parts"
  case partSize = "--part-size"
  case multipartThreshold = "--multipart-threshold"
  case callsPerSecond = "--calls-per-second"
  case limitRate = "--limit-rate"
  case tries = "--tries"
  case allowMissingCRC = "--allow-missing-crc"

  case json = "--json"
  case report = "--report"
  case printPolicy = "--print-policy"
  case version = "--version"
  case help = "--help"

  /// The groups of options in the help.
  enum Group: String, CaseIterable {
    case credential = "Credential"
    case files = "Files"
    case video = "Description of each video (a sidecar NAME.json beside the file comes first)"
    case service = "Services"
    case transfer = "Transfer"
    case output = "Output"
  }

  struct Entry {
    let group: Group
    /// The placeholder for its value in the help; nil for an option without a value.
    var value: String?
    /// A sentence or two without a full stop at the end.
    let help: String

    init(_ group: Group, _ value: String? = nil, _ help: String) {
      self.group = group
      self.value = value
      self.help = help
    }
  }

  /// Whether a value belongs to it: the next word, or what follows `=`.
  var takesValue: Bool { entry.value != nil }

  init?(name: String) { self.init(rawValue: name == "-h" ? "--help" : name) }
}

extension Option {
  var entry: Entry {
    switch self {
    case .role, .socket, .wait: credentialEntry
    case .watch, .settle, .titles, .journal, .retryUnconfirmed: filesEntry
    case .title, .description, .tags, .categoryID, .coverURL, .templateGroupID, .workflowID, .storageLocation,
      .userData, .appID, .firstFrameCover, .thumbnail:
      videoEntry
    case .region, .vodEndpoint, .signature, .caFile, .proxy: serviceEntry
    case .jobs, .parts, .partSize, .multipartThreshold, .callsPerSecond, .limitRate, .tries, .allowMissingCRC:
      transferEntry
    case .json, .report, .printPolicy, .version, .help: outputEntry
    }
  }

  /// The parameter of CreateUploadVideo that it sets, with whose name its help begins; nil for other options.
  var parameter: String? {
    entry.group == .video ? String(entry.help.prefix { $0.isLetter }) : nil
  }

  private var credentialEntry: Entry {
    switch self {
    case .role:
      Entry(.credential, "ROLE", "the role whose credential is used; default: the only role that you may read")
    case .socket:
      Entry(.credential, "PATH", "the daemon's socket; default $ROLEKEEPER_SOCKET, or else \(StandardPath.socket)")
    default:
      Entry(
        .credential, "TIME",
        "how long to wait for a credential, or for the daemon, whenever there is none; default \(Arguments.usual.wait.text)"
      )
    }
  }

  private var filesEntry: Entry {
    switch self {
    case .watch:
      Entry(
        .files, "DIR",
        "upload files as they appear in DIR and below, until a signal ends it; may be repeated, and goes with no other files"
      )
    case .settle:
      Entry(
        .files, "TIME",
        "with --watch: take up a file once it and its sidecar have been unchanged this long; default \(Arguments.usual.settle.text)"
      )
    case .titles:
      Entry(
        .files, "FILE",
        "titles of files: a path, relative to the working directory, and a title in each line, separated by a tab, or by a comma where FILE ends in .csv"
      )
    case .journal:
      Entry(
        .files, "FILE",
        "where this batch's progress is kept, for the next run to continue from; without it everything is uploaded again; default \(Arguments.usual.journal) in the working directory"
      )
    default:
      Entry(
        .files, nil, "try files again that an earlier run left as not confirmed; look for their videos in VOD first")
    }
  }

  private var videoEntry: Entry {
    switch self {
    case .title: Entry(.video, "TEXT", "Title; default the file's name without its extension")
    case .description: Entry(.video, "TEXT", "Description")
    case .tags: Entry(.video, "TAG,…", "Tags, up to 16")
    case .categoryID: Entry(.video, "NUMBER", "CateId")
    case .coverURL: Entry(.video, "URL", "CoverURL")
    case .templateGroupID: Entry(.video, "ID", "TemplateGroupId")
    case .workflowID: Entry(.video, "ID", "WorkflowId, which wins over TemplateGroupId")
    case .storageLocation: Entry(.video, "BUCKET", "StorageLocation")
    case .userData: Entry(.video, "JSON", "UserData, a JSON object")
    case .appID: Entry(.video, "ID", "AppId")
    case .firstFrameCover: Entry(.video, nil, "EnableFirstFrameCover")
    default: Entry(.video, nil, "GenerateThumbnail")
    }
  }

  private var serviceEntry: Entry {
    switch self {
    case .region:
      Entry(
        .service, "REGION",
        "VOD's region; when given, also the bucket's where VOD doesn't name one; default \(Arguments.usualRegion)")
    case .vodEndpoint: Entry(.service, "HOST[:PORT]", "VOD's endpoint; default vod.REGION.aliyuncs.com")
    case .signature: Entry(.service, "v4|v1", "how requests to OSS are signed; default v4")
    case .caFile:
      Entry(.service, "FILE", "the authorities' certificates, PEM; default \(Arguments.usualCAFile)")
    default:
      Entry(
        .service, "URL",
        "an HTTP proxy, http://HOST:PORT, or none; default $https_proxy, which $no_proxy exempts hosts from")
    }
  }

  private var transferEntry: Entry {
    switch self {
    case .jobs: Entry(.transfer, "N", "files at once, \(Arguments.atOnce); default \(Arguments.usual.jobs)")
    case .parts:
      Entry(.transfer, "N", "parts of one file at once, \(Arguments.atOnce); default \(Arguments.usual.parts)")
    case .partSize: Entry(.transfer, "SIZE", "the usual size of a part, 100KiB to 5GiB; default 16MiB")
    case .multipartThreshold: Entry(.transfer, "SIZE", "larger files go in parts, 0B to 5GiB; default 16MiB")
    case .callsPerSecond:
      Entry(.transfer, "N", "calls to VOD per second, 0.1 to 10000; default 20; an account has 40 to 80")
    case .limitRate: Entry(.transfer, "RATE", "send at most this much, of all files together; at least 10kB/s")
    case .tries:
      Entry(.transfer, "N", "how often each call or request is tried, 1 to 100; default \(Arguments.usual.tries)")
    default:
      Entry(
        .transfer, nil,
        "count a file as uploaded although OSS named no CRC64 of it, so that nothing proves that it is whole; its status is uploaded-unchecked"
      )
    }
  }

  private var outputEntry: Entry {
    switch self {
    case .json: Entry(.output, nil, "print each event as a JSON object on a line of its own")
    case .report:
      Entry(.output, "FILE", "write which file became which video at the end, as CSV or JSON by FILE's extension")
    case .printPolicy: Entry(.output, nil, "print the least policy that the role needs, and exit")
    case .version: Entry(.output, nil, "print the version and exit")
    default: Entry(.output, nil, "print this help and exit")
    }
  }
}
