import Core

extension STSSettings {
  /// The regions in the order of the settings; empty if none is written. Errors are reported.
  static func regions(_ table: TableReader, isVPC: Bool) -> [Region] {
    typealias Keys = Schema.STS
    var found: [Region] = []
    for (text, place) in table.texts(Keys.regions) {
      guard let region = Region(text) else {
        table.findings.error(
          place, "has '\(text)', which is no region",
          meant(by: text).map { "write \"\($0)\"" } ?? Keys.regions.remedy())
        continue
      }
      guard !found.contains(region) else {
        table.findings.error(place, "has '\(text)' twice", "remove one of them, or write another region")
        continue
      }
      if !Region.known.contains(text) {
        let near = Spelling.nearest(to: text, among: Region.known.sorted())
        table.findings.warning(
          place, "has '\(text)', which isn't known here as a region with an STS endpoint of its own",
          near.map { "did you mean \"\($0)\"?" }
            ?? "check that \(endpoint(in: region, isVPC: isVPC)) exists, or remove it")
      }
      found.append(region)
    }
    guard !table.isEmptyList(Keys.regions) else {
      if isVPC {
        table.findings.error(
          table.place(of: Keys.vpc), "is set without regions",
          "write regions = \(Keys.regions.example), or endpoint = \"sts-vpc.REGION.aliyuncs.com\" and remove this line")
      }
      return []
    }
    refuseBesides(Keys.endpoint, "remove one of the two: regions has endpoints of its own", table)
    refuseBesides(
      Keys.fallbackEndpoints,
      "remove it: when a region fails, the others are asked; or write endpoint in place of regions",
      table)
    return found
  }

  private static func refuseBesides(_ key: any SettingKey, _ remedy: String, _ table: TableReader) {
    guard table.isWritten(key) else { return }
    table.findings.error(table.place(of: key), "is set besides regions", remedy)
  }

  /// The region that an endpoint, a name in capitals or with another mark, or a city in China probably means.
  private static func meant(by text: String) -> Region? {
    let host = text.firstRange(of: "://").map { text[$0.upperBound...] } ?? text[...]
    let labels = host.lowercased().replacing("_", with: "-").split(separator: ".").prefix(2)
    let names = labels.flatMap { ["\($0)", "cn-\($0)"] }
    return names.first(where: Region.known.contains).flatMap { Region($0) }
      ?? labels.reversed().lazy.compactMap { Region($0) }.first
  }

  /// The host's own name of STS in a region (API metadata of Sts 2015-04-01).
  static func endpoint(in region: Region, isVPC: Bool) -> Endpoint {
    guard let endpoint = Endpoint("\(isVPC ? "sts-vpc" : "sts").\(region).aliyuncs.com") else {
      preconditionFailure("a region's name makes a host's name")
    }
    return endpoint
  }
}
