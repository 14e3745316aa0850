import CloudAPI
import Core
import Secrets

@testable import Upload

/// VOD and OSS as far as one file is concerned, with what may go wrong on the way to them. It knows the truth: how many videos there are, what
/// is stored, and whether anything finished was overwritten.
struct SimulatedCloud {
  /// The outcome of a call, chosen at random for each.
  struct Chances {
    /// Of 1000.
    var lostBefore = 0
    var lostAfter = 0
    var unreached = 0
    var throttled = 0
    var damagedPart = 0
    var forgetsUpload = 0
    var keyUnknown = 0
    /// A part that OSS loses.
    var losesPart = 0
  }

  struct Rights {
    var refresh = true
    var mezzanine = true
    var abort = false
    var removeParts = false
  }

  struct Video {
    let id: String
    var reference: ReferenceID
    var uploads: [String: [Int: CRC64]] = [:]
    /// How often its object was made whole.
    var completions = 0
    var object: CRC64?
    var grants: [Int: Timestamp] = [:]
  }

  let content: CRC64
  let size: Int
  let life: Duration
  var chances: Chances
  var rights: Rights
  private(set) var videos: [Video] = []
  /// Credentials given for a video whose object was whole already.
  private(set) var overwritingGrants = 0
  private(set) var expiredRequests = 0
  /// Uploads that were removed although their object may have been whole already.
  private(set) var lateRemovals = 0
  var refusesRepeatedReference = false
  private var serial = 0

  init(size: Int, life: Duration = .seconds(3000), chances: Chances = Chances(), rights: Rights = Rights()) {
    self.size = size
    content = Self.crc(of: 0..<size)
    self.life = life
    self.chances = chances
    self.rights = rights
  }

  /// Of every file.
  private static let bytes = [UInt8](unsafeUninitializedCapacity: 4_000_000) { bytes, count in
    var word: UInt32 = 1
    for place in bytes.indices {
      word = word &* 1_664_525 &+ 1_013_904_223
      bytes[place] = UInt8(truncatingIfNeeded: word >> 24)
    }
    count = bytes.count
  }

  static func crc(of range: Range<Int>) -> CRC64 {
    var crc = CRC64()
    bytes.withUnsafeBytes { crc.append(UnsafeRawBufferPointer(rebasing: $0[range])) }
    return crc
  }

  private enum Way { case whole, lostBefore, lostAfter, unreached, throttled }

  private func way(_ chance: inout some RandomNumberGenerator) -> Way {
    var draw = Int.random(in: 0..<1000, using: &chance)
    for (weight, way) in [
      (chances.lostBefore, Way.lostBefore), (chances.lostAfter, .lostAfter), (chances.unreached, .unreached),
      (chances.throttled, .throttled),
    ] {
      if draw < weight { return way }
      draw -= weight
    }
    return .whole
  }

  private static func failure(_ kind: CallFailure.Kind) -> CallFailure { CallFailure(kind, code: "\(kind)") }

  /// Carries out a call at `now`, or not, and returns what comes back.
  mutating func answer(
    _ call: FileUpload.Call, at now: Timestamp, using chance: inout some RandomNumberGenerator
  ) -> Result<CallAnswer, CallFailure> {
    switch way(&chance) {
    case .lostBefore: return .failure(Self.failure(.lost))
    case .unreached: return .failure(Self.failure(.unreached))
    case .throttled: return .failure(Self.failure(.throttled(wait: nil)))
    case .lostAfter:
      _ = carryOut(call, at: now)
      return .failure(Self.failure(.lost))
    case .whole: return carryOut(call, at: now)
    }
  }

  private mutating func carryOut(_ call: FileUpload.Call, at now: Timestamp) -> Result<CallAnswer, CallFailure> {
    switch call {
    case .create(let reference):
      // What a repeated ReferenceId answers isn't documented; that it makes a second video is the worst that it could do.
      if refusesRepeatedReference, videos.contains(where: { $0.reference == reference }) {
        return .failure(Self.failure(.referenceTaken))
      }
      videos.append(Video(id: "video\(videos.count)", reference: reference))
      return grant(videos.count - 1, at: now)
    case .find(let reference): return refresh(videos.firstIndex { $0.reference == reference }, at: now)
    case .refresh(let id): return refresh(videos.firstIndex { $0.id == id }, at: now)
    case .mezzanine(let id):
      guard rights.mezzanine else { return .failure(Self.failure(.denied)) }
      guard let video = videos.first(where: { $0.id == id }) else { return .failure(Self.failure(.unknownVideo)) }
      let status = video.object == nil ? "Uploading" : "Normal"
      return .success(
        .mezzanine(MezzanineInfo(status: status, fileSize: video.object == nil ? nil : Int64(size))))
    case .removeParts(let id):
      guard rights.removeParts else { return .failure(Self.failure(.denied)) }
      guard let place = videos.firstIndex(where: { $0.id == id }) else { return .failure(Self.failure(.unknownVideo)) }
      if videos[place].object != nil { lateRemovals += 1 }
      videos[place].uploads = [:]
      return .success(.partsRemoved)
    }
  }

  private mutating func refresh(_ place: Int?, at now: Timestamp) -> Result<CallAnswer, CallFailure> {
    guard rights.refresh else { return .failure(Self.failure(.denied)) }
    guard let place else { return .failure(Self.failure(.unknownVideo)) }
    if videos[place].object != nil { overwritingGrants += 1 }
    return grant(place, at: now)
  }

  private mutating func grant(_ place: Int, at now: Timestamp) -> Result<CallAnswer, CallFailure> {
    serial += 1
    videos[place].grants[serial] = now + life
    let secret = Secret(copying: [1].span)
    let address = UploadAddress(bucket: "bucket", endpoint: "oss-cn-shanghai.aliyuncs.com", key: videos[place].id)!
    let content = UploadGrant(
      requestID: "request\(serial)", videoID: videos[place].id, address: address,
      credential: UploadCredential(
        accessKeyID: "STS.\(serial)", secret: secret, token: secret, expires: UTCTime(seconds: 0),
        region: "cn-shanghai"))
    return .success(.grant(FileUpload.Grant(content, issued: now, lapses: now + life)))
  }

  /// Carries out a request that was sent at `sent` and is through at `now`, or not.
  mutating func answer(
    _ request: FileUpload.Request, with grant: FileUpload.Grant, keepingObject: Bool, sent: Timestamp,
    using chance: inout some RandomNumberGenerator
  ) -> Result<FileUpload.Answer, CallFailure> {
    let serial = Int(grant.content.credential.accessKeyID.dropFirst(4))!
    guard let place = videos.firstIndex(where: { $0.id == grant.content.videoID }) else {
      return .failure(Self.failure(.refused))
    }
    switch way(&chance) {
    case .lostBefore: return .failure(Self.failure(.lost))
    case .unreached: return .failure(Self.failure(.unreached))
    case .throttled: return .failure(Self.failure(.throttled(wait: .seconds(1))))
    case .lostAfter:
      _ = carryOut(request, keepingObject, place, serial, sent, &chance)
      return .failure(Self.failure(.lost))
    case .whole: return carryOut(request, keepingObject, place, serial, sent, &chance)
    }
  }

  private mutating func carryOut(
    _ request: FileUpload.Request, _ keepsObject: Bool, _ place: Int, _ serial: Int, _ sent: Timestamp,
    _ chance: inout some RandomNumberGenerator
  ) -> Result<FileUpload.Answer, CallFailure> {
    guard let lapses = videos[place].grants[serial], sent < lapses else {
      expiredRequests += 1
      return .failure(
        Self.failure(Int.random(in: 0..<1000, using: &chance) < chances.keyUnknown ? .keyUnknown : .expired))
    }
    if Int.random(in: 0..<1000, using: &chance) < chances.forgetsUpload { videos[place].uploads = [:] }
    var answer = FileUpload.Answer()
    if keepsObject, videos[place].object != nil, Self.makesObject(request) {
      return .failure(Self.failure(.objectExists))
    }
    switch request {
    case .initiate:
      let id = "upload\(videos[place].uploads.count)-\(serial)-\(sent.microseconds)"
      videos[place].uploads[id] = [:]
      answer.uploadID = id
    case .part(let number, let id, let range):
      guard videos[place].uploads[id] != nil else { return .failure(Self.failure(.noSuchUpload)) }
      answer.sentCRC = Self.crc(of: range)
      let isDamaged = Int.random(in: 0..<1000, using: &chance) < chances.damagedPart
      let crc = isDamaged ? Self.crc(of: range.lowerBound..<range.upperBound + 64) : answer.sentCRC
      let isLost = Int.random(in: 0..<1000, using: &chance) < chances.losesPart
      videos[place].uploads[id]?[number] = isLost ? CRC64() : crc
      answer.crc = crc
      answer.etag = "\"\(crc)\""
    case .complete(let id, let parts):
      guard let stored = videos[place].uploads[id] else { return .failure(Self.failure(.noSuchUpload)) }
      guard parts.allSatisfy({ "\"\(stored[Int($0.number)] ?? CRC64())\"" == $0.etag.description }) else {
        return .failure(Self.failure(.invalidPart))
      }
      let whole = parts.reduce(CRC64()) {
        CRC64.combine($0, stored[Int($1.number)]!, lengthOfB: Int($1.length))
      }
      videos[place].uploads[id] = nil
      store(whole, place)
      answer.crc = whole
    case .put:
      store(content, place)
      answer.crc = content
      answer.sentCRC = content
    case .abort(let id):
      guard rights.abort else { return .failure(Self.failure(.denied)) }
      if videos[place].object != nil { lateRemovals += 1 }
      guard videos[place].uploads.removeValue(forKey: id) != nil else { return .failure(Self.failure(.noSuchUpload)) }
    }
    return .success(answer)
  }

  /// Whether OSS refuses it where the object is to be kept.
  private static func makesObject(_ request: FileUpload.Request) -> Bool {
    switch request {
    case .put, .initiate, .complete: true
    case .part, .abort: false
    }
  }

  private mutating func store(_ crc: CRC64, _ place: Int) {
    videos[place].object = crc
    videos[place].completions += 1
  }
}
