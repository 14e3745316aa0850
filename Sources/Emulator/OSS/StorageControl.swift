/// The control endpoint's functions for OSS; `ControlAPI.help` is its documentation.
struct StorageControl: Sendable {
  let oss: OSSService
  /// Where OSS listens: `ADDRESS:PORT`.
  let address: String
  let clock: EmulatorClock

  /// The answer to a control request; nil if it isn't about OSS.
  func answer(_ method: String, _ parts: [String], _ parameters: Parameters) -> (status: Int, fields: Fields)? {
    switch (method, parts) {
    case ("GET", ["objects"]): (200, objects(parameters))
    case ("POST", ["grants"]): grant(parameters)
    case ("GET", ["requests", "oss"]): (200, calls)
    default: nil
    }
  }

  private func objects(_ parameters: Parameters) -> Fields {
    let all = oss.store.all.filter { name, _ in
      (parameters["bucket"] ?? name.bucket) == name.bucket && (parameters["key"] ?? name.key) == name.key
    }
    let sorted = all.sorted { ($0.key.bucket, $0.key.key) < ($1.key.bucket, $1.key.key) }
    return [
      "objects": .list(
        sorted.map { name, stored in
          .object([
            "bucket": .text(name.bucket), "key": .text(name.key), "size": .number(Int64(stored.size)),
            "crc64": .text(String(stored.crc64)), "etag": .text(stored.etag), "time": .text(stored.time.isoText),
            "writes": .number(Int64(stored.writes)),
          ])
        })
    ]
  }

  private func grant(_ parameters: Parameters) -> (status: Int, fields: Fields) {
    let name = ObjectName(bucket: parameters["bucket"] ?? "", key: parameters["key"] ?? "")
    guard name.hasValidBucket, name.hasValidKey else {
      return (400, ["problem": .text("'bucket' and 'key' must name an object")])
    }
    guard let lifetime = Int(parameters["lifetime"] ?? "3000"), (1...604_800).contains(lifetime) else {
      return (400, ["problem": .text("'lifetime' is 1 to 604800 seconds")])
    }
    let grant = oss.store.grant(for: name, lifetime: lifetime, at: clock.now)
    return (
      200,
      [
        "AccessKeyId": .text(grant.keyID), "AccessKeySecret": .text(grant.secret), "SecurityToken": .text(grant.token),
        "ExpireUTCTime": .text(grant.expires.isoText), "Region": .text(grant.region),
        "Endpoint": .text("https://\(address)"),
        "put_url": .text(grant.url(for: "PUT", at: address, expiresSeconds: lifetime, now: clock.now)),
        "get_url": .text(grant.url(for: "GET", at: address, expiresSeconds: lifetime, now: clock.now)),
      ]
    )
  }

  private var calls: Fields {
    [
      "requests": .list(
        oss.log.recent.map { entry in
          var fields: Fields = [
            "time": .text(entry.time.isoText), "microseconds": .number(entry.time.microseconds),
            "operation": .text(entry.operation), "bucket": .text(entry.object.bucket), "key": .text(entry.object.key),
          ]
          if let part = entry.part { fields.append("part", .number(Int64(part))) }
          if let id = entry.uploadID { fields.append("upload_id", .text(id)) }
          fields.append("access_key_id", .text(entry.keyID))
          fields.append("size", .number(Int64(entry.size)))
          fields.append("status", .number(Int64(entry.status)))
          fields.append("result", .text(entry.result))
          return .object(fields)
        })
    ]
  }
}

extension UploadGrant {
  /// A URL signed with V4, path style.
  func url(for method: String, at address: String, expiresSeconds: Int, now: WallTime) -> String {
    let date = now.compactText
    let scope = [String(date.prefix(8)), region, "oss", "aliyun_v4_request"]
    let credential = ([keyID] + scope).joined(separator: "/")
    let query = OSS4Claim.canonicalQuery(
      of: Parameters([
        ("x-oss-signature-version", OSS4Claim.algorithm), ("x-oss-credential", credential), ("x-oss-date", date),
        ("x-oss-expires", String(expiresSeconds)), ("x-oss-security-token", token),
      ]))
    let path = TextCoding.percentEncoded("/\(object.bucket)/\(object.key)", keepingSlashes: true)
    let canonical = [method, path, query, "", "", "UNSIGNED-PAYLOAD"].joined(separator: "\n")
    let signature = OSS4Claim.signature(of: canonical, date: date, scope: scope, secret: secret)
    return "https://\(address)\(path)?\(query)&x-oss-signature=\(signature)"
  }
}
