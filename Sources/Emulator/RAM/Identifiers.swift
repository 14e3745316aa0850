/// Identifiers of objects in the cloud.
enum Identifiers {
  /// An 18-digit id derived only from the ARN, so that it is the same in every run.
  static func principalID(of arn: String) -> String {
    let hash = Digests.sha256(Array(arn.utf8)).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let digits = String(hash % 100_000_000_000_000_000)
    return "3" + String(repeating: "0", count: 17 - digits.count) + digits
  }

  /// A request id in the vendor's form, a UUID in capitals.
  static func requestID() -> String {
    let bytes = Digests.random(16)
    return [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { TextCoding.upperHex(Array(bytes[$0])) }.joined(separator: "-")
  }
}
