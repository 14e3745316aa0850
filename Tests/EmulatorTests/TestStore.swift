import Synchronization
import Testing

@testable import Emulator

/// Object storage that a test fills by hand.
final class TestStore: UploadStore {
  private struct Content {
    var stored: [ObjectName: StoredObject] = [:]
    var removed: [ObjectName] = []
    var grants = 0
  }

  let region: String
  private let content = Mutex(Content())

  init(region: String = "cn-test") { self.region = region }

  func grant(for object: ObjectName, lifetime: Int, at now: WallTime) -> UploadGrant {
    let number = content.withLock {
      $0.grants += 1
      return $0.grants
    }
    return UploadGrant(
      keyID: "STS.grant-\(number)", secret: "secret-\(number)", token: "token-\(number)", object: object,
      expires: now.advanced(bySeconds: Int64(lifetime)), region: region)
  }

  func stored(_ object: ObjectName) -> StoredObject? { content.withLock { $0.stored[object] } }

  func removeUploads(of object: ObjectName) { content.withLock { $0.removed.append(object) } }

  var removed: [ObjectName] { content.withLock { $0.removed } }

  /// Simulates a finished upload.
  func finish(_ object: ObjectName, size: Int = 1000, at time: WallTime) {
    content.withLock {
      let writes = ($0.stored[object]?.writes ?? 0) + 1
      $0.stored[object] = StoredObject(size: size, crc64: 7, etag: "\"e\"", time: time, writes: writes)
    }
  }
}

/// The decoded answer of CreateUploadVideo and RefreshUploadVideo.
struct TestTicket {
  let videoID: String
  let address: PolicyValue
  let auth: PolicyValue
  let encodedAddress: String
  let encodedAuth: String

  /// Nil if it isn't a ticket.
  init?(_ answer: TestAnswer) {
    guard let body = answer.body, let address = Self.decoded(body.text("UploadAddress")),
      let auth = Self.decoded(body.text("UploadAuth"))
    else { return nil }
    videoID = body.text("VideoId")
    self.address = address
    self.auth = auth
    encodedAddress = body.text("UploadAddress")
    encodedAuth = body.text("UploadAuth")
  }

  var object: ObjectName { ObjectName(bucket: address.text("Bucket"), key: address.text("FileName")) }

  private static func decoded(_ text: String) -> PolicyValue? {
    TextCoding.bytes(base64: text).flatMap { PolicyValue(json: String(decoding: $0, as: UTF8.self)) }
  }
}

extension TestCloud {
  /// Creates a video, which must succeed.
  mutating func createVideo(_ parameters: [String: String] = [:], as key: Key) throws -> TestTicket {
    let given = ["Title": "A title", "FileName": "film.mp4"].merging(parameters) { $1 }
    return try #require(TestTicket(send("CreateUploadVideo", given, as: key)))
  }
}
