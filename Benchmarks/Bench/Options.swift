/// What a run is asked for.
struct Options {
  static let usage = """
    usage: bench [--short] [--seconds S] [--only WORD] [--out DIRECTORY] [--docs DIRECTORY]

      --short           fewer and shorter rounds, within two minutes; the figures are noisier
      --seconds S       how long each measurement of the load generator lasts
      --only WORD       only the parts whose name begins with WORD: socket, stalled, peers, memory, burst, start, command
      --out DIRECTORY   where bench.json and bench.md go; default .build
      --docs DIRECTORY  also update the table in performance.md, and the plot memory.svg; not with --only
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
    // A table of one part would take the place of the whole.
    if docs != nil && !only.isEmpty { return nil }
  }
}

/// How much is measured, and how long.
struct Form {
  /// Of the load generator, for each measurement and in front of it, in seconds.
  var seconds: Double
  var warmUp: Double
  /// How often all contestants have their turn; figures are medians over these.
  var rounds: Int
  var starts: Int
  /// How often a program is run in each round.
  var runs: Int

  /// How many kinds of load meet the stalled clients, which take 2 s to gather each time.
  var stalledLoads: Int

  /// How often all roles refresh at once.
  var bursts: Int

  static let full = Form(seconds: 1, warmUp: 0.2, rounds: 6, starts: 15, runs: 100, stalledLoads: 3, bursts: 5)
  static let short = Form(seconds: 0.15, warmUp: 0.03, rounds: 3, starts: 5, runs: 30, stalledLoads: 1, bursts: 1)
}
