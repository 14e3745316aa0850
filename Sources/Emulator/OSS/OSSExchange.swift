/// One call to OSS from its head to its answer.
final class OSSExchange: RequestSink {
  /// The decision made from the head.
  private enum Plan {
    case perform(UploadGrant)
    case refuse(OSSRefusal)
    case substitute(Outcome.Substitute)
  }

  private enum Body {
    case dropped
    case kept([UInt8])
    case written(BodyWriter)
  }

  let call: OSSCall
  let service: OSSService
  let settings: OSSSettings
  let faults: [Fault.Kind]
  let answer: OSSAnswer
  /// The signature that the call claims.
  private let signature: Result<OSSSignature?, OSSRefusal>
  private var plan: Plan
  private var body = Body.dropped
  private var passage: BodyFaults
  private var isAnswered = false
  /// The body's SHA-256 that an S3 client has signed, in hexadecimal digits; nil for none.
  private(set) var payloadHash: String?

  init(_ call: OSSCall, by service: OSSService, settings: OSSSettings, faults: [Fault.Kind]) {
    self.call = call
    self.service = service
    self.settings = settings
    self.faults = faults
    answer = OSSAnswer(call.request)
    signature = Result { () throws(OSSRefusal) in try OSSSignature(call) }
    passage = BodyFaults(faults, length: call.length)
    if let substitute = Outcome.Substitute(faults) {
      plan = .substitute(substitute)
    } else if passage.cutsEmptyBody {
      plan = .substitute(.refusedConnection)
    } else {
      plan = .refuse(.internalError)
      begin()
    }
  }

  deinit {
    if !isAnswered { note(status: 0, result: "broken off") }
    if case .written(let writer) = body, let number = call.partNumber, let id = call.uploadID {
      service.store.releasePlace(number, in: writer.file, of: id)
    }
  }

  func earlyReply() -> Reply? {
    if case .perform = plan { nil } else { reply() }
  }

  func take(_ bytes: UnsafeRawBufferPointer) -> BodyStep {
    passage.pass(bytes) { bytes in
      switch body {
      case .dropped: break
      case .kept(var kept):
        guard kept.count <= PartList.bodyLimit else { return }
        body = .dropped
        kept += bytes
        body = .kept(kept)
      case .written(let writer): writer.append(bytes)
      }
    }
  }

  func reply() -> Reply {
    let now = service.clock.now
    var (answer, result) = outcome(at: now)
    // S3's are in small letters, and some of its clients compare them with an MD5 of their own. Which ones OSS sends them is (?).
    if isOfS3, let etag = answer.header("ETag") { answer.headers.replace("ETag", with: etag.lowercased()) }
    for case .checksum(let flaw) in faults { answer.headers.bendChecksum(flaw) }
    if faults.contains(.wrongETag), answer.header("ETag") != nil {
      answer.headers.replace("ETag", with: "\"\(String(repeating: "0", count: 32))\"")
    }
    var reply = Reply(answer: answer, manner: .whole, delayMilliseconds: 0)
    reply.bend(by: faults, at: now)
    reply.delayMilliseconds += passage.emptyBodyPause
    if case .substitute(.refusedConnection) = plan { reply.manner = .refused }
    // If there is no body to break off in, nothing is sent at all.
    if reply.manner == .brokenOff, reply.answer.body.isEmpty { reply.manner = .refused }
    if reply.manner == .brokenOff { result = "broken off" }
    if reply.manner == .refused { result = faults.contains(.lostAnswer) ? "lost" : "refused" }
    isAnswered = true
    note(status: reply.manner == .refused ? 0 : answer.status, result: result)
    return reply
  }

  private func begin() {
    do throws(OSSRefusal) {
      guard call.operation != nil else { throw call.object.key.isEmpty ? .method : .notImplemented }
      let grant = try authenticated(at: service.clock.now)
      plan = .perform(grant)
      try openBody()
    } catch {
      plan = .refuse(error)
      body = .dropped
    }
  }

  private func authenticated(at now: WallTime) throws(OSSRefusal) -> UploadGrant {
    if faults.contains(.noSuchUpload), let id = call.uploadID { service.store.takeUpload(id, of: call.object) }
    for case .tokenExpired(let code, .start) in faults { endCredential(as: code) }
    let signature = try signature.get()
    if let keyID, faults.contains(where: { if case .sessionRevoked = $0 { true } else { false } }) {
      throw .unknownKey.with("OSSAccessKeyId", keyID)
    }
    let grant = try OSSGateway(store: service.store, settings: settings, signers: service.signers(at: now))
      .authenticate(call, signedBy: signature, at: now)
    if case .aws4(let claim)? = signature { payloadHash = try claim.payloadHash(of: call) }
    return grant
  }

  /// Whether it is an S3 client's.
  var isOfS3: Bool {
    if case .aws4? = try? signature.get() { true } else { false }
  }

  private func endCredential(as code: OSSSettings.ExpiredCode?) {
    guard let keyID else { return }
    service.store.end(keyID: keyID, as: code ?? settings.expiredCode)
  }

  private func openBody() throws(OSSRefusal) {
    let withMD5 = settings.etag == .md5 || call.request.header("content-md5") != nil
    do {
      switch call.operation {
      case .putObject:
        if call.length ?? 0 > MultipartUpload.mostPart { throw OSSRefusal.tooLarge }
        body = .written(
          try BodyWriter(
            service.store.directory.newDraft(), withMD5: withMD5, withSHA256: payloadHash != nil))
      case .uploadPart:
        let (file, offset) = try placeForPart()
        body = .written(try BodyWriter(file, at: offset, withMD5: withMD5, withSHA256: payloadHash != nil))
      case .completeMultipartUpload: body = .kept([])
      default: body = .dropped
      }
    } catch let refusal as OSSRefusal {
      throw refusal
    } catch {
      throw .internalError.with("Details", "\(error)")
    }
  }

  private func placeForPart() throws -> (file: StorageFile, offset: Int) {
    guard let number = call.partNumber, PartList.numbers.contains(number) else { throw OSSRefusal.partNumber }
    if call.length ?? 0 > MultipartUpload.mostPart { throw OSSRefusal.tooLarge }
    guard let id = call.uploadID, service.store.upload(id, of: call.object) != nil,
      let place = try service.store.placeForPart(number, length: call.length, of: id)
    else { throw OSSRefusal.noSuchUpload.with("UploadId", call.uploadID ?? "") }
    return place
  }

  private func outcome(at now: WallTime) -> (Answer, result: String) {
    switch plan {
    case .refuse(let refusal): return (answer.error(refusal), refusal.code)
    case .substitute(let substitute): return answer.substitute(substitute)
    case .perform(let grant):
      do {
        try judgeAgain(grant, at: now)
        return (try perform(at: now), "OK")
      } catch let refusal as OSSRefusal {
        return (answer.error(refusal), refusal.code)
      } catch {
        return (answer.error(.internalError.with("Details", "\(error)")), OSSRefusal.internalError.code)
      }
    }
  }

  /// Refuses a credential that has expired while the body arrived, if a fault asks for that.
  private func judgeAgain(_ grant: UploadGrant, at now: WallTime) throws(OSSRefusal) {
    for case .tokenExpired(let code, .end) in faults { endCredential(as: code) }
    let isAsked = faults.contains { fault in
      switch fault {
      case .tokenExpired, .checkExpiryAtEnd: true
      default: false
      }
    }
    if isAsked { try OSSGateway(store: service.store, settings: settings).checkExpiry(of: grant, at: now) }
  }

  private func perform(at now: WallTime) throws -> Answer {
    switch (call.operation, body) {
    case (.putObject, .written(let writer)): return try put(writer, at: now)
    case (.uploadPart, .written(let writer)):
      let answer = try add(writer, at: now)
      // The body was used, so its place isn't released.
      body = .dropped
      return answer
    case (.completeMultipartUpload, .kept(let list)): return try complete(list, at: now)
    case (.initiateMultipartUpload, _): return try initiate()
    case (.listParts, _): return try listParts()
    case (.abortMultipartUpload, _): return try abort()
    case (.getObject, _), (.headObject, _): return try get()
    case (.deleteObject, _): return try delete()
    case (.listObjects, _): return try list(isV2: false)
    case (.listObjectsV2, _): return try list(isV2: true)
    case (.getBucketLocation, _): return location()
    // Each bucket exists.
    case (.headBucket, _), (.putBucket, _): return answer.empty()
    default: throw OSSRefusal.notImplemented
    }
  }

  /// As the call claims.
  private var keyID: String? { (try? signature.get())??.keyID }

  private func note(status: Int, result: String) {
    service.note(
      OSSCallLog.Entry(
        time: service.clock.now, operation: call.operation?.rawValue ?? "", object: call.object, part: call.partNumber,
        uploadID: call.uploadID, keyID: keyID ?? "", size: passage.received,
        status: status, result: result), of: call.request)
  }
}

extension [Request.Header] {
  fileprivate mutating func bendChecksum(_ flaw: Fault.ChecksumFlaw) {
    let name = OSSExchange.checksumHeader
    guard let index = firstIndex(where: { $0.name == name }) else { return }
    let value = UInt64(self[index].value) ?? 0
    remove(at: index)
    if flaw == .wrong { append(.init(name: name, value: String(value ^ 1))) }
  }
}
