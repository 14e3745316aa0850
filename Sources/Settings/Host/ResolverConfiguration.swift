import Core

/// The part of this host's resolver configuration (resolv.conf(5)) that determines how long a look-up takes.
struct ResolverConfiguration: Hashable {
  static let path = "/etc/resolv.conf"
  /// How long a name server may take to answer.
  static let answerTime = Duration.seconds(2)
  /// The maximum time for a look-up.
  static let longest = Duration.seconds(60)

  /// glibc uses three at most (MAXNS); without any, it asks a name server on this host.
  private(set) var nameServers = 0
  /// In seconds, at most 30 (RES_MAXRETRANS).
  private(set) var timeout = 5
  /// At most 5 (RES_MAXRETRY).
  private(set) var attempts = 2
  private var searchDomains = 0
  private var ndots = 1

  /// Reads the file's text, in which the last line of each kind counts, and then the variable RES_OPTIONS, which adds
  /// to its options.
  init(_ text: String, variable: String? = nil) {
    for line in text.split(whereSeparator: \.isNewline) {
      guard let first = line.first, first != "#", first != ";" else { continue }
      let words = line.split { $0 == " " || $0 == "\t" }
      guard let keyword = words.first else { continue }
      switch keyword {
      case "nameserver": nameServers = min(3, nameServers + (words.count > 1 ? 1 : 0))
      case "search": searchDomains = words.count - 1
      case "domain": searchDomains = 1
      case "options": take(words.dropFirst())
      default: continue
      }
    }
    if let variable { take(variable.split { $0 == " " || $0 == "\t" }[...]) }
  }

  /// Reads the host's file; glibc's defaults apply to what it omits, or if it can't be read.
  init(of host: any Host) {
    // Without the file, glibc uses its defaults, too.
    let bytes = (try? host.read(Self.path, limit: 1 << 20).bytes) ?? []
    self.init(String(decoding: bytes, as: UTF8.self), variable: host.resolverOptions)
  }

  private mutating func take(_ options: ArraySlice<Substring>) {
    for option in options {
      let parts = option.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, let number = Int(parts[1]), number >= 0 else { continue }
      switch parts[0] {
      // glibc takes at least one second.
      case "timeout": timeout = min(30, max(1, number))
      case "attempts": attempts = min(5, max(1, number))
      case "ndots": ndots = min(15, number)
      default: continue
      }
    }
  }

  /// How long silent name servers delay one question until the last server has been asked once; with one server, until
  /// that is asked a second time. The waits are those of glibc's send_dg (resolv/res_send.c).
  var silence: Duration {
    switch nameServers {
    case 0, 1: .seconds(attempts > 1 ? timeout : 0)
    case 2: .seconds(timeout)
    default: .seconds(timeout + max(1, timeout * 2 / 3))
    }
  }

  /// How long a look-up of `name` takes if a silent server comes before one that answers; at most a minute. A name with
  /// fewer dots than `ndots` is looked up in the search list first, and each of these questions waits for the silent
  /// server.
  func lookupTime(of name: String) -> Duration {
    let questions = 1 + (name.utf8.count { $0 == UInt8(ascii: ".") } < ndots ? searchDomains : 0)
    return min(silence * questions + Self.answerTime, Self.longest)
  }
}
