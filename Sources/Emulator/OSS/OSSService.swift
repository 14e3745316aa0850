/// The Object Storage Service: takes a request's head and returns the object that takes the body and answers.
final class OSSService: Sendable {
  let store: ObjectStore
  let log = OSSCallLog()
  let clock: EmulatorClock
  private let shared: SharedService

  init(store: ObjectStore, shared: SharedService) {
    self.store = store
    self.shared = shared
    clock = shared.clock
  }

  func begin(_ request: Request) -> any RequestSink {
    do throws(OSSRefusal) {
      let call = try OSSCall(request)
      let (settings, faults) = shared.withService { ($0.model.oss, $0.faults.take(FaultTarget(call))) }
      return OSSExchange(call, by: self, settings: settings, faults: faults)
    } catch {
      return RefusedAddress(request, error, by: self)
    }
  }

  /// Who may sign requests beside the holders of grants.
  func signers(at now: WallTime) -> OSSSigners {
    shared.withService { OSSSigners(model: $0.currentModel(at: now), mint: $0.mint) }
  }

  /// Records the result of a call.
  func note(_ entry: OSSCallLog.Entry, of request: Request) {
    log.note(entry)
    let arrival = CallCounts.Arrival(
      time: entry.time, action: entry.operation, role: "", sessionName: "", keyID: entry.keyID, nonce: "",
      host: request.header("host") ?? "", result: entry.result)
    shared.withService { $0.note(arrival) }
  }
}

/// Answers a request that can't be parsed as a call.
private final class RefusedAddress: RequestSink {
  private let request: Request
  private let refusal: OSSRefusal
  private let service: OSSService

  init(_ request: Request, _ refusal: OSSRefusal, by service: OSSService) {
    self.request = request
    self.refusal = refusal
    self.service = service
  }

  func earlyReply() -> Reply? { reply() }

  func take(_ bytes: UnsafeRawBufferPointer) -> BodyStep { .next }

  func reply() -> Reply {
    let now = service.clock.now
    service.note(
      OSSCallLog.Entry(time: now, operation: "", status: refusal.status, result: refusal.code), of: request)
    var reply = Reply(
      answer: OSSAnswer(request).error(refusal), manner: .whole, delayMilliseconds: 0)
    reply.bend(by: [], at: now)
    return reply
  }
}
