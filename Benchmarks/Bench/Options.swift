/// What a run is asked for.
struct Options {
  static let usage = """
    usage: bench [--short] [--seconds S] [--only WORD] [--out DIRECTORY] [--docs DIRECTORY]

      --short           fewer and shorter rounds, about five minutes; the figures are noisier
      --seconds S       how long each measurement of the load generator lasts
      --only WORD       only the parts whose name begins with WORD: socket, loopback, stalled, peers, memory, users, bundles, hosts,
                        tier, burst, scrape, start, restart, command, formats, first-credential, upload
      --out DIRECTORY   where bench.json and bench.md go; default .build
      --docs DIRECTORY  also add the run to performance-runs.txt, and make the table in performance.md of the last three in it, and
                        the plot memory.svg of this one; only whole runs, not with --short, --seconds or --only
    """

  var form = Form.full
  var only = ""
  var out = ".build"
  var docs: String?
  /// As it was asked for.
  let command: String

  init?(_ words: some Collection<String>) {
    command = (["bench"] + words).joined(separator: " ")
    var rest = Array(words)[...]
    while let word = rest.popFirst() {
      if word == "--short" {
        form = .short
        continue
      }
      guard let value = rest.popFirst() else { return nil }
      switch word {
      case "--seconds":
        guard let seconds = Double(value), seconds > 0 else { return nil }
        form.seconds = seconds
      case "--only": only = value
      case "--out": out = value
      case "--docs": docs = value
      default: return nil
      }
    }
    // Runs are only comparable when all are whole.
    if docs != nil && (!only.isEmpty || form != .full) { return nil }
  }
}

/// How much is measured, and how long.
struct Form: Equatable {
  /// Of the load generator, for each measurement and in front of it, in seconds.
  var seconds: Double
  var warmUp: Double
  /// How often all contestants have their turn; figures are medians over these.
  var rounds: Int
  var starts: Int
  var restarts: Int
  /// How often a program is run in each round.
  var runs: Int

  /// How many kinds of load meet the stalled clients, which take 2 s to gather each time.
  var stalledLoads: Int

  /// How often the daemon and the yardstick refresh all roles at once.
  var bursts: Int
  var scrapes: Int

  var uploads: Uploads

  /// What `vod-upload` is given.
  struct Uploads: Equatable {
    /// How often each contestant uploads all of it.
    var rounds: Int
    /// The size of a large file, in bytes.
    var largeFile: Int
    var smallFiles: Int
    /// How many files the batch has whose memory is read.
    var batch: Int
  }

  static let full = Form(
    seconds: 0.7, warmUp: 0.15, rounds: 9, starts: 15, restarts: 10, runs: 100, stalledLoads: 3, bursts: 9, scrapes: 20,
    uploads: Uploads(rounds: 5, largeFile: 1 << 30, smallFiles: 1000, batch: 100_000))
  static let short = Form(
    seconds: 0.15, warmUp: 0.03, rounds: 3, starts: 5, restarts: 3, runs: 30, stalledLoads: 1, bursts: 2, scrapes: 5,
    uploads: Uploads(rounds: 3, largeFile: 256 << 20, smallFiles: 200, batch: 10_000))
}
