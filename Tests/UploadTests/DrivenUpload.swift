import CloudAPI
import Core
import Secrets
import Simulation
import TestSupport
import Testing

@testable import Upload

/// An upload of one file that a test leads from step to step: it says what comes back, and looks at what follows.
struct DrivenUpload {
  private var upload: FileUpload
  private var chance = SeededGenerator(seed: 1)
  private var serial = 0
  var now = Timestamp(microseconds: 1_000_000_000)
  /// What waits for an answer.
  private(set) var call: (call: FileUpload.Call, attempt: FileUpload.Attempt)?
  private(set) var requests: [(request: FileUpload.Request, attempt: FileUpload.Attempt)] = []
  private(set) var wake: Timestamp?
  /// Of all steps.
  private(set) var records: [FileUpload.Record] = []
  private(set) var notices: [FileUpload.Notice] = []
  private(set) var outcome: FileUpload.Outcome?
  /// How often requests were taken back.
  private(set) var cancellations = 0
  /// What the next run does, once it was interrupted.
  private(set) var next: FileUpload.Continuation?
  /// Whether a record is waited for.
  private(set) var awaitsRecord = false

  init(size: Int, progress: FileUpload.Progress = .init(), options: FileUpload.Options = .init()) {
    upload = FileUpload(size: size, progress: progress, options: options)
  }

  var progress: FileUpload.Progress { upload.progress }
  var keepsObject: Bool { upload.keepsObject }
  var isWaitingForVOD: Bool { upload.isWaitingForVOD }
  /// How long the credential still lives, in seconds.
  var left: Double { upload.grant.map { ($0.lapses - now).inSeconds } ?? 0 }

  mutating func start() { take(upload.start(at: now, using: &chance)) }

  mutating func abandon(because reason: CallFailure) {
    take(upload.abandon(because: reason, at: now, using: &chance))
  }

  /// Returns whether the next run doesn't just go on.
  mutating func interrupt(mayBeWhole: Bool) -> Bool {
    let interruption = upload.interrupt(mayBeWhole: mayBeWhole)
    take(interruption.effects)
    next = interruption.next
    return interruption.next != .goesOn
  }

  private mutating func handle(_ event: FileUpload.Event) { take(upload.handle(event, at: now, using: &chance)) }

  private mutating func take(_ effects: [FileUpload.Effect]) {
    for effect in effects {
      switch effect {
      case .record(let record, let isAwaited):
        records.append(record)
        if isAwaited { awaitsRecord = true }
      case .call(let next, let attempt): call = (next, attempt)
      case .send(let request, let attempt): requests.append((request, attempt))
      case .cancelRequests:
        cancellations += 1
        requests = []
      case .wake(let time): wake = time
      case .report(let notice): notices.append(notice)
      case .end(let outcome):
        self.outcome = outcome
        (call, requests, wake) = (nil, [], nil)
      }
    }
  }

  // MARK: What comes back

  mutating func recorded() {
    awaitsRecord = false
    handle(.recorded)
  }

  /// The call brings a credential of that life, of which `age` is over.
  mutating func grant(
    life: Duration = .seconds(3000), age: Duration = .zero, key: String = "key", video: String = "video"
  ) throws {
    let attempt = try take()
    serial += 1
    let address = try #require(UploadAddress(bucket: "bucket", endpoint: "oss-cn-shanghai.aliyuncs.com", key: key))
    let secret = Secret(copying: [1].span)
    let content = UploadGrant(
      requestID: "request\(serial)", videoID: video, address: address,
      credential: UploadCredential(
        accessKeyID: "STS.\(serial)", secret: secret, token: secret, expires: UTCTime(seconds: 0), region: nil))
    handle(.granted(FileUpload.Grant(content, issued: now - age, lapses: now + life - age), attempt))
  }

  /// GetMezzanineInfo says so.
  mutating func answer(_ status: String, size: Int64? = nil) throws {
    handle(.mezzanine(MezzanineInfo(status: status, fileSize: size), try take()))
  }

  mutating func removed() throws { handle(.partsRemoved(try take())) }

  mutating func fail(_ kind: CallFailure.Kind, wasSentTwice: Bool = false) throws {
    var failure = CallFailure(kind, code: "\(kind)")
    failure.wasSentTwice = wasSentTwice
    handle(.callFailed(failure, try take()))
  }

  private mutating func take() throws -> FileUpload.Attempt {
    let attempt = try #require(call).attempt
    call = nil
    return attempt
  }

  /// The request at `index` of those that are on their way has worked.
  mutating func stored(_ index: Int = 0, _ change: (inout FileUpload.Answer) -> Void = { _ in }) throws {
    try #require(requests.indices.contains(index))
    let request = requests.remove(at: index)
    var answer = FileUpload.Answer()
    answer.uploadID = "upload"
    answer.etag = "\"etag\""
    (answer.crc, answer.sentCRC) = (CRC64(value: 7), CRC64(value: 7))
    if case .complete(_, let parts) = request.request {
      answer.crc = parts.reduce(CRC64()) { CRC64.combine($0, $1.crc, lengthOfB: Int($1.length)) }
    }
    change(&answer)
    handle(.stored(answer, request.attempt))
  }

  mutating func failRequest(_ index: Int = 0, _ kind: CallFailure.Kind, wasSentTwice: Bool = false) throws {
    try #require(requests.indices.contains(index))
    let request = requests.remove(at: index)
    var failure = CallFailure(kind, code: "\(kind)", remedy: "remedy")
    failure.wasSentTwice = wasSentTwice
    handle(.storeFailed(failure, request.attempt))
  }

  /// The time comes for which it is armed.
  mutating func awake() throws {
    now = max(now, try #require(wake))
    wake = nil
    handle(.timer)
  }

  /// A timer fires, whatever it is armed for.
  mutating func timer() {
    wake = nil
    handle(.timer)
  }

  /// A call that nobody waits for any more fails after all.
  mutating func failLate(_ attempt: FileUpload.Attempt, _ kind: CallFailure.Kind) {
    handle(.callFailed(CallFailure(kind, code: "\(kind)"), attempt))
  }

  // MARK: Ways to a state

  /// Until the file's bytes can be sent.
  mutating func begin(life: Duration = .seconds(3000)) throws {
    start()
    recorded()
    try grant(life: life)
  }

  /// Sends all parts and what completes them.
  mutating func sendAll() throws {
    while let first = requests.first {
      if case .complete = first.request { return }
      try stored()
      if awaitsRecord { recorded() }
    }
  }

  /// What an earlier run wrote of a file that was completed when it was killed.
  static func completing(parts: Bool = false) throws -> FileUpload.Progress {
    var progress = FileUpload.Progress()
    progress.referenceID = ReferenceID("reference")
    progress.videoID = "video"
    progress.address = UploadAddress(bucket: "bucket", endpoint: "oss-cn-shanghai.aliyuncs.com", key: "key")
    progress.isCompleting = true
    if parts {
      progress.uploadID = "upload"
      progress.unit = 102_400
      progress.parts = [FinishedPart(unit: 0, range: 0..<102_400, etag: "\"etag\"", crc: CRC64(value: 7))]
    }
    return progress
  }
}
