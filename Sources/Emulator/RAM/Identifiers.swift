/// Numbers and names that stand for things of the cloud.
enum Identifiers {
  /// An 18-digit id that depends on nothing but the ARN, so that it is the same in every run.
  static func principalID(of arn: String) -> String {
    let hash = Digests.sha256(Array(arn.utf8)).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let digits = String(hash % 100_000_000_000_000_000)
    return "3" + String(repeating: "0", count: 17 - digits.count) + digits
  }

  /// A request id in the vendor's form, a UUID in capitals.
  static func requestID() -> String {
    let digits = Array(TextCoding.hex(Digests.random(16)).uppercased())
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
  }
}
