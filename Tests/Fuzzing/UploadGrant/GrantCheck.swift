import Core
import FuzzSupport
import JSON
import Secrets

@testable import CloudAPI

/// What has to hold for an answer with an upload address and credential, whatever it is.
struct GrantCheck {
  /// The HTTP status.
  let status: Int
  let response: VODResponse
  let now: UTCTime

  func check(_ body: [UInt8]) {
    switch response.uploadGrant(from: body.span, now: now) {
    case .success(let grant): check(grant)
    case .failure(let failure): check(failure)
    }
    if case .success(let info) = response.mezzanineInfo(from: body.span) {
      require(isPlain(info.status, most: 64), "a status that can't be logged")
      require(info.fileSize.map { $0 >= 0 } ?? true, "a file of \(info.fileSize ?? 0) bytes")
      require(!(info.isFinished && info.waitsForFile), "a file that is uploaded and isn't")
    }
  }

  /// What the decoder makes of a text is what it was made of.
  func checkDecoding(of bytes: [UInt8]) {
    for padded in [true, false] {
      let text = Array(base64(bytes, padded: padded).utf8)
      let decoded = Base64.decode(text.span)?.withBytes { bytes in bytes.indices.map { bytes[$0] } }
      require(decoded == bytes, "base64 is decoded as something else")
    }
    _ = Base64.decode(bytes.span)
  }

  private func check(_ grant: UploadGrant) {
    require(status == 200, "a grant with status \(status)")
    require(grant.credential.expires > now, "a credential that has expired")
    require(isPlain(grant.videoID, most: 64) && !grant.videoID.isEmpty, "a video id that can't be logged")
    require(isPlain(grant.credential.accessKeyID, most: .max), "an id that can't be logged")
    let address = grant.address
    require(address.endpoint.utf8.allSatisfy { isOfHost($0) }, "an endpoint that isn't a host: \(address.endpoint)")
    require(address.bucket.utf8.allSatisfy { isOfHost($0) }, "a bucket that can't be part of a host")
    require(!address.key.isEmpty && !address.key.utf8.contains { $0 < 0x20 }, "a key that can't be logged")
    for region in [address.region, grant.credential.region] {
      require(region.map { isPlain($0, most: 64) && !$0.contains("/") } ?? true, "a region that can't be signed")
    }
    for secret in [grant.credential.secret, grant.credential.token] {
      require(secret.count > 0, "an empty secret")
      secret.withBytes { bytes in require(bytes.isCredentialText, "a secret that breaks a header") }
    }
    checkWritten(grant)
  }

  private func checkWritten(_ grant: UploadGrant) {
    for padded in [true, false] {
      guard case .success(let again) = response.uploadGrant(from: written(grant, padded).span, now: now) else {
        return require(false, "a grant is refused when it is written again")
      }
      require(again.requestID == grant.requestID && again.videoID == grant.videoID, "other ids when written again")
      require(again.address == grant.address, "another address when written again")
      let (one, other) = (grant.credential, again.credential)
      require(other.accessKeyID == one.accessKeyID && other.secret.hasSameBytes(as: one.secret), "another key")
      require(other.token.hasSameBytes(as: one.token), "another token when written again")
      require(other.expires == one.expires && other.region == one.region, "another life when written again")
    }
  }

  private func isOfHost(_ byte: UInt8) -> Bool { byte.isLetterOrDigit || "-.:[]".utf8.contains(byte) }

  private func check(_ failure: VODFailure) {
    require(isPlain(failure.code, most: 64) && !failure.code.isEmpty, "a code that can't be logged: \(failure.code)")
    require(
      failure.requestID.map { isPlain($0, most: 128) && !$0.isEmpty } ?? true, "a request id that can't be logged")
    require(!failure.remedy.isEmpty && !failure.remedy.contains("\n"), "a failure without remedy")
    // The seeds have it for their secret and token.
    require(!failure.remedy.contains("MarkedSecret7"), "a remedy quotes the secret")
  }

  private func written(_ grant: UploadGrant, _ padded: Bool) -> [UInt8] {
    var address = JSONWriter([UInt8]())
    address.object { json in
      json.member("Bucket", grant.address.bucket)
      json.member("Endpoint", "https://" + grant.address.endpoint)
      json.member("FileName", grant.address.key)
    }
    var auth = JSONWriter([UInt8]())
    auth.object { json in
      json.member("AccessKeyId", grant.credential.accessKeyID)
      json.key("AccessKeySecret")
      grant.credential.secret.withBytes { json.string(utf8: $0) }
      json.key("SecurityToken")
      grant.credential.token.withBytes { json.string(utf8: $0) }
      json.member("ExpireUTCTime", grant.credential.expires.description)
      if let region = grant.credential.region { json.member("Region", region) }
    }
    let (encodedAddress, encodedAuth) = (
      base64(address.finish(), padded: padded), base64(auth.finish(), padded: padded)
    )
    var json = JSONWriter([UInt8]())
    json.object { json in
      if let id = grant.requestID { json.member("RequestId", id) }
      json.member("VideoId", grant.videoID)
      json.member("UploadAddress", encodedAddress)
      json.member("UploadAuth", encodedAuth)
    }
    return json.finish()
  }
}

/// RFC 4648, section 4, written for this check alone.
func base64(_ bytes: [UInt8], padded: Bool) -> String {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var text: [UInt8] = []
  var (bits, count) = (UInt32(0), 0)
  for byte in bytes {
    bits = bits << 8 | UInt32(byte)
    count += 8
    while count >= 6 {
      count -= 6
      text.append(alphabet[Int(bits >> UInt32(count) & 63)])
    }
    bits &= 0xFF
  }
  if count > 0 { text.append(alphabet[Int(bits << UInt32(6 - count) & 63)]) }
  while padded, text.count % 4 != 0 { text.append(UInt8(ascii: "=")) }
  return String(decoding: text, as: UTF8.self)
}
