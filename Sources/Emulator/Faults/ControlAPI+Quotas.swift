extension ControlAPI {
  private static let most = 1_000_000

  /// Sets what a region of STS admits.
  func setQuota(_ parameters: Parameters) -> Reply {
    guard let region = parameters["region"], !region.isEmpty, region.utf8.count <= 256 else {
      return problem(400, "'region' is missing")
    }
    guard let limit = Int(parameters["per_second"] ?? ""), (0...Self.most).contains(limit) else {
      return problem(400, "'per_second' is a whole number from 0 to \(Self.most)")
    }
    return done { service.withService { $0.regionQuotas[region.lowercased()] = limit } }
  }

  func listQuotas() -> Fields {
    let quotas = service.withService { $0.regionQuotas.perSecond }
    return [
      "quotas": .list(
        quotas.sorted { $0.key < $1.key }.map { region, limit in
          .object(["region": .text(region), "per_second": .number(Int64(limit))])
        })
    ]
  }
}
