/// How often each outcome of attempts occurred.
package struct FetchOutcomes {
  private static let success = "Success"
  /// Codes come from outside; beyond this number of different ones they are all `Other`.
  private static let mostCodes = 50

  private var successes: UInt64 = 0
  /// By error code. Most roles have none, and a dictionary of one entry takes hundreds of bytes.
  private var others: [String: UInt64] = [:]

  /// By error code, with `Success`.
  package var all: [String: UInt64] {
    var all = others
    if successes > 0 { all[Self.success] = successes }
    return all
  }

  /// In the order of the codes; without a dictionary where every attempt has gone well.
  package func forEach(_ body: (_ code: String, _ count: UInt64) -> Void) {
    if !others.isEmpty {
      for (code, count) in all.sorted(by: { $0.key < $1.key }) { body(code, count) }
    } else if successes > 0 {
      body(Self.success, successes)
    }
  }

  mutating func countSuccess() { successes += 1 }

  /// Counts an outcome that is no success.
  mutating func count(_ code: String) {
    let isKnown = others[code] != nil || others.count < Self.mostCodes
    others[isKnown ? code : "Other", default: 0] += 1
  }
}
