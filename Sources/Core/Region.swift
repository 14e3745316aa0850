/// A region of the cloud that has an STS of its own, such as `cn-hangzhou`.
package struct Region: Hashable, Sendable, CustomStringConvertible {
  package let name: String

  /// Nil for a text that can't be a region's name: 4 to 40 of `a`–`z`, `0`–`9` and `-` that begin with a letter, with at least one
  /// inner `-`. All that the vendor lists are like that; a new one is to be taken without a new release.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard (4...40).contains(text.utf8.count), parts.count > 1, parts.allSatisfy({ !$0.isEmpty }),
      text.utf8.first.map({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }) ?? false,
      text.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || Self.isLowerCaseOrDigit($0) })
    else { return nil }
    name = String(text)
  }

  package var description: String { name }

  private static func isLowerCaseOrDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte.isDigit
  }

  /// The regions whose STS has a name of its own (API metadata of Sts 2015-04-01, November 2026). A few others, for tests and for
  /// governments, are served by `sts.aliyuncs.com`. Which two of finance have a name of their own is (?).
  package static let known: Set<String> = [
    "cn-qingdao", "cn-beijing", "cn-zhangjiakou", "cn-huhehaote", "cn-wulanchabu", "cn-hangzhou", "cn-shanghai",
    "cn-nanjing", "cn-fuzhou", "cn-shenzhen", "cn-heyuan", "cn-guangzhou", "cn-chengdu", "cn-wuhan-lr", "cn-hongkong",
    "ap-northeast-1", "ap-northeast-2", "ap-southeast-1", "ap-southeast-3", "ap-southeast-5", "ap-southeast-7",
    "us-east-1", "us-west-1", "na-south-1", "eu-west-1", "eu-central-1", "me-east-1", "me-central-1",
    "cn-shanghai-finance-1", "cn-shenzhen-finance-1",
  ]
}

extension Region {
  /// The regions in the order in which this host asks them, the home region first.
  ///
  /// Each pair of host and region has a number, and the highest goes first (rendezvous hashing). So hosts spread evenly over the
  /// regions, those of a lost region over all others, and a region that is added or removed moves only the hosts whose home it is. The
  /// number is FNV-1a of 64 bits over the host's name, a zero byte and the region's name, mixed as SplitMix64 mixes its state. The
  /// order of `regions` doesn't count.
  package static func order(_ regions: [Region], of host: String) -> [Region] {
    let numbered = regions.map { (number: number(of: host, $0), region: $0) }
    return numbered.sorted { ($0.number, $1.region.name) > ($1.number, $0.region.name) }.map(\.region)
  }

  private static func number(of host: String, _ region: Region) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    for byte in host.utf8 { add(byte) }
    add(0)
    for byte in region.name.utf8 { add(byte) }
    // The highest bits of FNV-1a hardly depend on the last bytes.
    hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
    hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
    return hash ^ (hash >> 31)
  }
}
