import CloudAPI
import Core
import HTTPClient
import ObjectStorage

/// A request to OSS that waits for its turn or its answer. If it is released, it is cancelled, and no outcome is
/// reported.
final class ObjectRequest: SentRequest {
  let file: SourceFile
  private let request: FileUpload.Request
  private let keepsObject: Bool
  /// The file's bytes in it.
  private let content: FileBody?
  private let length: Int
  /// Its place in the queue for a connection.
  var place: HTTPClient.Place?
  /// Ends the transfer that carries it.
  var cancel: (() -> Void)?

  init(_ request: FileUpload.Request, of file: SourceFile, keepsObject: Bool) {
    self.file = file
    self.request = request
    self.keepsObject = keepsObject
    switch request {
    case .put:
      content = FileBody(file, 0..<file.size)
      length = file.size
    case .part(_, _, let range):
      content = FileBody(file, range)
      length = range.count
    case .initiate, .complete, .abort: (content, length) = (nil, 0)
    }
  }

  var operation: OSSOperation {
    switch request {
    case .put: .put(contentType: ContentType.of(fileName: file.path), keepsObject: keepsObject)
    case .initiate: .initiate(contentType: ContentType.of(fileName: file.path), keepsObject: keepsObject)
    case .part(let number, let uploadID, _): .uploadPart(number: number, uploadID: uploadID)
    case .complete(let uploadID, _): .complete(uploadID: uploadID, keepsObject: keepsObject)
    case .abort(let uploadID): .abort(uploadID: uploadID)
    }
  }

  deinit { cancel?() }

  var bytesSent: Int { content?.bytesRead ?? 0 }

  /// A request that waits for a connection hasn't been sent. OSS stores nothing before it has the last byte.
  var mayBeWhole: Bool { cancel != nil && (isEmptyObject || content?.wasReadWhole ?? true) }

  var isEmptyObject: Bool { if case .put = request { length == 0 } else { false } }

  /// Whether it may only be sent while the file is unchanged.
  var needsFile: Bool { if case .abort = request { false } else { true } }

  var isCompletion: Bool { if case .complete = request { true } else { false } }

  /// nil where the request has none.
  var body: BodyStream? {
    if case .complete(_, let parts) = request { return Self.list(of: parts) }
    return content.map { content in BodyStream(length: length) { offset, room in content.read(offset, into: room) } }
  }

  private static func list(of parts: [FinishedPart]) -> BodyStream {
    var document = CompletionDocument(count: parts.count) { place in
      UploadedPart(number: Int(parts[place].number), etag: parts[place].etag.description)
    }
    return BodyStream(length: document.length) { offset, room in
      // A request that was begun is sent from the beginning again.
      if offset == 0 { document.rewind() }
      let count = document.read(into: room)
      return count > 0 ? count : nil
    }
  }

  func answer(_ outcome: HTTPOutcome, _ body: Span<UInt8>) -> Result<FileUpload.Answer, CallFailure> {
    switch outcome {
    // The reason is the error that kept the file from being read.
    case .failure(let failure): return .failure(content?.failure ?? read(failure))
    case .success(let answer):
      return read(OSSResponse(answer), body).mapError { failure in
        var failure = CallFailure(failure)
        failure.wasSentTwice = content.map { $0.beginnings > 1 } ?? false
        return failure
      }
    }
  }

  private func read(_ failure: TransportFailure) -> CallFailure {
    let failure = CallFailure(failure)
    guard failure.kind == .lost, !isEmptyObject, let content, !content.wasReadWhole else { return failure }
    return CallFailure(.unreached, code: failure.code, detail: failure.detail, remedy: failure.remedy)
  }

  private func read(_ response: OSSResponse, _ body: Span<UInt8>) -> Result<FileUpload.Answer, OSSFailure> {
    var answer = FileUpload.Answer()
    switch request {
    case .initiate:
      return response.uploadID(from: body).map { id in
        answer.uploadID = id
        return answer
      }
    case .abort: return response.aborted(from: body).map { answer }
    default:
      let isCompletion = isCompletion
      return (isCompletion ? response.completed(from: body) : response.stored(from: body)).map { stored in
        answer.etag = stored.etag
        answer.crc = stored.crc64.map { CRC64(value: $0) }
        answer.sentCRC = content?.crc ?? CRC64()
        answer.requestID = stored.requestID
        return answer
      }
    }
  }
}

extension OSSResponse {
  static let keptFields: [StaticString] = ["etag", "x-oss-hash-crc64ecma", "x-oss-request-id"]

  init(_ answer: HTTPAnswer) {
    self.init(
      httpStatus: answer.status, etag: answer.keptFields[0], crc64: answer.keptFields[1],
      requestID: answer.keptFields[2], date: answer.date)
  }
}

extension HTTPRequest {
  init(_ request: SignedRequest) {
    self.init(
      .post, String(joining: "https://", request.host, request.target), headers: request.headerLines,
      secretHeaders: request.securityToken.map { [(name: "x-acs-security-token", value: $0)] } ?? [])
  }

  init(_ request: OSSRequest, body: BodyStream?) {
    self.init(
      Method(rawValue: request.method) ?? .post, request.url, headers: TextLines(request.headerLines),
      secretHeaders: request.securityToken.map { [(name: "x-oss-security-token", value: $0)] } ?? [],
      body: body.map { .stream($0) } ?? .empty)
    keptFields = OSSResponse.keptFields
  }
}
