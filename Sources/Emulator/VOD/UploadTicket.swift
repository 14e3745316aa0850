/// UploadAddress and UploadAuth: where one object should be uploaded, and with which credential.
struct UploadTicket: Sendable {
  let grant: UploadGrant
  /// `HOST[:PORT]`.
  let host: String
  let settings: VODSettings

  /// Base64 of a JSON object (the vendor's "Upload URLs and credentials").
  var address: String {
    encoded([
      "Endpoint": .text((settings.withScheme ? "https://" : "") + host), "Bucket": .text(grant.object.bucket),
      "FileName": .text(grant.object.key),
    ])
  }

  /// Base64 of a JSON object. Its Expiration is not a time but a number of seconds, as a string.
  var auth: String {
    var fields: Fields = [
      "SecurityToken": .text(grant.token), "AccessKeyId": .text(grant.keyID), "AccessKeySecret": .text(grant.secret),
      "Expiration": .text(String(settings.uploadLifetimeSeconds)),
    ]
    if settings.withExpireUTCTime { fields.append("ExpireUTCTime", .text(grant.expires.isoText)) }
    if settings.withRegion { fields.append("Region", .text(grant.region)) }
    return encoded(fields)
  }

  private func encoded(_ fields: Fields) -> String { TextCoding.base64(Array(fields.json.utf8)) }
}
