import Glibc

// The operations themselves, after the credential has been verified and the body received.
extension OSSExchange {
  static let checksumHeader = "x-oss-hash-crc64ecma"

  func put(_ writer: BodyWriter, at now: WallTime) throws -> Answer {
    let sum = try checkedSum(of: writer)
    try refuseToOverwrite(with: .objectExists)
    let stored = try service.store.place(writer.file, as: call.object, sum, etag: sum.etag, at: now)
    return answer.empty(headers(of: stored))
  }

  func initiate() throws -> Answer {
    try refuseToOverwrite(with: .objectExists)
    let id = service.store.beginUpload(of: call.object)
    var fields = address
    fields.append("UploadId", .text(id))
    return answer.document("InitiateMultipartUploadResult", fields)
  }

  func add(_ writer: BodyWriter, at now: WallTime) throws -> Answer {
    let sum = try checkedSum(of: writer)
    guard sum.size <= MultipartUpload.mostPart else { throw OSSRefusal.tooLarge }
    let part = MultipartUpload.Part(sum: sum, file: writer.file, offset: writer.offset, time: now)
    guard service.store.add(part, number: call.partNumber ?? 0, to: call.uploadID ?? "") else {
      throw OSSRefusal.noSuchUpload.with("UploadId", call.uploadID ?? "")
    }
    return answer.empty([("ETag", sum.etag), (Self.checksumHeader, String(sum.crc64))])
  }

  func complete(_ body: [UInt8], at now: WallTime) throws -> Answer {
    try refuseToOverwrite(with: .objectExistsAtComplete)
    let stored = try service.store.complete(
      call.uploadID ?? "", of: call.object, try PartList(xml: body), at: now)
    var fields: Fields = ["Location": .text("https://\(call.request.header("host") ?? "")\(call.request.path)")]
    for member in address.members { fields.append(member.name, member.value) }
    fields.append("ETag", .text(stored.etag))
    return answer.document("CompleteMultipartUploadResult", fields, headers(of: stored))
  }

  func abort() throws -> Answer {
    guard service.store.takeUpload(call.uploadID ?? "", of: call.object) != nil else {
      throw OSSRefusal.noSuchUpload.with("UploadId", call.uploadID ?? "")
    }
    return answer.empty(status: 204)
  }

  func listParts() throws -> Answer {
    guard let upload = service.store.upload(call.uploadID ?? "", of: call.object) else {
      throw OSSRefusal.noSuchUpload.with("UploadId", call.uploadID ?? "")
    }
    guard let most = Int(call.parameters["max-parts"] ?? "1000"), (1...1000).contains(most),
      let marker = Int(call.parameters["part-number-marker"] ?? "0")
    else { throw OSSRefusal.listing }
    let rest = upload.parts.sorted { $0.key < $1.key }.filter { $0.key > marker }
    let listed = rest.prefix(most)
    var fields = address
    fields.append("UploadId", .text(upload.id))
    fields.append("PartNumberMarker", .number(Int64(marker)))
    fields.append("NextPartNumberMarker", .number(Int64(listed.last?.key ?? marker)))
    fields.append("MaxParts", .number(Int64(most)))
    fields.append("IsTruncated", .flag(listed.count < rest.count))
    for (number, part) in listed {
      fields.append(
        "Part",
        .object([
          "PartNumber": .number(Int64(number)), "LastModified": .text("\(part.time.isoText.dropLast()).000Z"),
          "ETag": .text(part.sum.etag), "Size": .number(Int64(part.sum.size)),
          "HashCrc64ecma": .text(String(part.sum.crc64)),
        ]))
    }
    return answer.document("ListPartsResult", fields)
  }

  func delete() throws -> Answer {
    try service.store.remove(call.object)
    return answer.empty(status: 204)
  }

  func list(isV2: Bool) throws -> Answer {
    let listing = try ObjectListing(call.parameters, isV2: isV2)
    return answer.document("ListBucketResult", listing.fields(service.store.all, in: call.object.bucket))
  }

  func location() -> Answer { answer.document("LocationConstraint", text: "oss-\(service.store.region)") }

  /// Also for HEAD: the library omits the body then.
  func get() throws -> Answer {
    guard let stored = service.store.stored(call.object) else {
      throw OSSRefusal.noSuchKey.with("Key", call.object.key)
    }
    let range = ByteRange(call.request.header("range"), of: stored.size)
    if case .beyond = range { throw OSSRefusal.range }
    var answer = answer.empty(
      headers(of: stored) + [
        ("Content-Type", "application/octet-stream"), ("Last-Modified", stored.time.httpDate),
        ("x-oss-object-type", stored.etag.contains("-") ? "Multipart" : "Normal"), ("Accept-Ranges", "bytes"),
      ])
    var part = 0..<stored.size
    if case .part(let asked) = range {
      part = asked
      answer.status = 206
      let place = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(stored.size)"
      answer.headers.append(.init(name: "Content-Range", value: place))
    }
    answer.file = AnswerFile(
      try service.store.directory.open(call.object), from: part.lowerBound, size: part.count)
    return answer
  }

  /// Throws if the object exists and the request isn't to overwrite it (`x-oss-forbid-overwrite`).
  private func refuseToOverwrite(with refusal: OSSRefusal) throws {
    guard call.request.header("x-oss-forbid-overwrite") == "true" else { return }
    if service.store.stored(call.object) != nil { throw refusal }
  }

  private func checkedSum(of writer: BodyWriter) throws -> ContentSum {
    let sum = try writer.finish()
    guard sum.size <= MultipartUpload.mostPart else { throw OSSRefusal.tooLarge }
    if let claimed = call.request.header("content-md5") {
      guard claimed == TextCoding.base64(sum.digest) else { throw OSSRefusal.digest }
    }
    if let payloadHash, let sha256 = sum.sha256 {
      guard payloadHash.lowercased() == TextCoding.hex(sha256) else { throw OSSRefusal.payloadMismatch }
    }
    return sum
  }

  private func headers(of stored: StoredObject) -> [(name: String, value: String)] {
    [("ETag", stored.etag), (Self.checksumHeader, String(stored.crc64))]
  }

  /// Bucket and key; the key is encoded if the request asks for that.
  private var address: Fields {
    let bucket = Field.text(call.object.bucket)
    guard call.parameters["encoding-type"] == "url" else {
      return ["Bucket": bucket, "Key": .text(call.object.key)]
    }
    return [
      "EncodingType": .text("url"), "Bucket": bucket,
      "Key": .text(TextCoding.percentEncoded(call.object.key, keepingSlashes: true)),
    ]
  }
}

extension OSSAnswer {
  /// The answer if a fault replaces the operation, and its result among the counted calls.
  func substitute(_ substitute: Outcome.Substitute) -> (Answer, result: String) {
    switch substitute {
    case .refusedConnection: (empty(status: 503), "refused")
    case .html(let status): (.proxyPage(status: status), "html")
    case .garbage(let garbage): (.garbage(garbage), "garbage")
    case .error(let refusal, let retryAfter):
      // STS's default texts for a fault make no sense here.
      (
        error(
          refusal == .internalError
            ? .internalError
            : OSSRefusal(
              status: refusal.status, code: refusal.code, message: refusal.message,
              ec: OSSRefusal.named(refusal.code)?.ec ?? "0000-00000000")
        ).retrying(after: retryAfter), refusal.code
      )
    }
  }
}

extension Answer {
  fileprivate func retrying(after milliseconds: Int?) -> Answer {
    guard let milliseconds else { return self }
    var answer = self
    answer.headers.append(.init(name: "Retry-After", value: String((milliseconds + 999) / 1000)))
    return answer
  }
}
