/// The control endpoint: plain HTTP, for tests and people with curl.
///
/// `ControlDesk.help` is its documentation. Whatever else is asked here is answered as the cloud answers plain HTTP.
struct ControlDesk: Sendable {
  static let help = """
    POST /faults?kind=KIND[&count=N][&role=NAME][&action=NAME][&from=ADDRESS]
                           put a fault in force; answers with its number
      delay                milliseconds=N; other connections don't wait
      refuse               close the connection instead of answering
      unreachable          close new connections before the TLS handshake
      drop                 break off in the middle of the answer
      error                [status=500] [code=InternalError] [message=TEXT];
                           200 is a status, too
      throttle             [code=Throttling.User] [retry_after_ms=N]
      empty                [field=NAME], else all four of a credential
      missing              field=NAME
      replace              field=NAME&value=TEXT
      date                 offset_seconds=N, text=TEXT or absent=true
      header               name=NAME&value=TEXT; one more header, of this or
                           another fault's answer
      gzip                 the body compressed, though nobody asked for it
      html                 [status=200]; a proxy's page instead
      oversize             [bytes=1000000]; a good answer, then blanks
      dribble              milliseconds=N; the body byte by byte, all that time
      garbage              [form=bytes], half, nesting, list, nothing, type,
                           http or tls: a body of random bytes; half an answer;
                           nested brackets; a list; no body; an image by its
                           type; what isn't HTTP; what isn't TLS
      key-disabled         [key=ID], else every AccessKey of a user or account
      session-revoked      [key=ID], else every session
      role-gone            it can't be assumed; its sessions go on
      certificate          form=expired, name (another server's) or authority
                           (an unknown one's); new connections see it
                           without count until it is cleared; with role
                           only requests that name this role; with from
                           only what comes from this IPv4 address
    GET /faults            the faults in force
    DELETE /faults         clear all; DELETE /faults/N clears one
    GET /requests          requests counted by action, role and result
    GET /requests/recent   the latest 1000, one by one
    DELETE /requests       count from zero
    POST /clock?ahead_seconds=N, or at=YYYY-MM-DDThh:mm:ssZ
                           shift the emulator's clock, or freeze it
    POST /reload           read the configuration anew; sessions stay

    """

  private let desk: ServiceDesk
  private let reload: (@Sendable () throws -> Realm)?

  init(desk: ServiceDesk, reload: (@Sendable () throws -> Realm)?) {
    self.desk = desk
    self.reload = reload
  }

  func answer(_ request: Request) -> Reply {
    let parts = request.path.split(separator: "/").map(String.init)
    if request.method == "DELETE", parts.count == 2, parts[0] == "faults" { return removeFault(parts[1]) }
    switch (request.method, parts) {
    case ("GET", ["help"]): return reply(200, Self.help, type: "text/plain; charset=utf-8")
    case ("POST", ["faults"]): return addFault(request)
    case ("GET", ["faults"]): return reply(200, listFaults())
    case ("DELETE", ["faults"]): return done { desk.withService { $0.faults.removeAll() } }
    case ("GET", ["requests"]): return reply(200, counts(desk.withService { $0.tally }))
    case ("GET", ["requests", "recent"]): return reply(200, recent(desk.withService { $0.tally }))
    case ("DELETE", ["requests"]): return done { desk.withService { $0.resetTally() } }
    case ("POST", ["clock"]): return setClock(request)
    case ("POST", ["reload"]): return reloadRealm()
    default: return desk.answer(request)
    }
  }

  private func addFault(_ request: Request) -> Reply {
    guard var parameters = Parameters(decoding: request.query.utf8), let form = Parameters(decoding: request.body)
    else {
      return problem(400, "the parameters can't be decoded")
    }
    parameters.append(form)
    do {
      let fault = try Fault(parameters)
      return reply(200, ["id": .number(Int64(desk.withService { $0.faults.add(fault) }))])
    } catch {
      return problem(400, error.problem)
    }
  }

  private func removeFault(_ number: String) -> Reply {
    guard let id = Int(number), desk.withService({ $0.faults.remove(id) }) else {
      return problem(404, "there is no fault '\(number)' in force")
    }
    return reply(200, ["ok": .flag(true)])
  }

  private func listFaults() -> Fields {
    let faults = desk.withService { $0.faults.faults }
    return [
      "faults": .list(
        faults.map { id, fault in
          var fields: Fields = ["id": .number(Int64(id)), "kind": .text(fault.kind.name)]
          if let role = fault.role { fields.append("role", .text(role)) }
          if let action = fault.action { fields.append("action", .text(action)) }
          if let count = fault.count { fields.append("count", .number(Int64(count))) }
          return .object(fields)
        })
    ]
  }

  private func counts(_ tally: Tally) -> Fields {
    let lines = tally.counts.sorted {
      ($0.key.action, $0.key.role, $0.key.result) < ($1.key.action, $1.key.role, $1.key.result)
    }
    return [
      "total": .number(Int64(tally.total)),
      "counts": .list(
        lines.map { line, count in
          .object([
            "action": .text(line.action), "role": .text(line.role), "result": .text(line.result),
            "count": .number(Int64(count)),
          ])
        }),
    ]
  }

  private func recent(_ tally: Tally) -> Fields {
    [
      "requests": .list(
        tally.recent.map { arrival in
          .object([
            "time": .text(arrival.time.isoText), "microseconds": .number(arrival.time.microseconds),
            "action": .text(arrival.action), "role": .text(arrival.role), "session_name": .text(arrival.sessionName),
            "access_key_id": .text(arrival.keyID), "nonce": .text(arrival.nonce), "host": .text(arrival.host),
            "result": .text(arrival.result),
          ])
        })
    ]
  }

  private func setClock(_ request: Request) -> Reply {
    let parameters = Parameters(decoding: request.query.utf8)
    if let seconds = parameters?["ahead_seconds"].flatMap(Int64.init),
      (-4_000_000_000...4_000_000_000).contains(seconds)
    {
      desk.clock.run(aheadBySeconds: seconds)
    } else if let time = parameters?["at"].flatMap(WallTime.init) {
      desk.clock.freeze(at: time)
    } else {
      return problem(400, "the clock is set with 'ahead_seconds' or 'at'")
    }
    return reply(200, ["now": .text(desk.clock.now.isoText)])
  }

  private func reloadRealm() -> Reply {
    guard let reload else { return problem(409, "there is no configuration file to read") }
    do {
      let realm = try reload()
      return done { desk.withService { $0.realm = realm } }
    } catch {
      return problem(409, "\(error)")
    }
  }

  private func done(_ change: () -> Void) -> Reply {
    change()
    return reply(200, ["ok": .flag(true)])
  }

  private func problem(_ status: Int, _ text: String) -> Reply { reply(status, ["problem": .text(text)]) }

  private func reply(_ status: Int, _ fields: Fields) -> Reply {
    reply(status, fields.json + "\n", type: "application/json")
  }

  private func reply(_ status: Int, _ text: String, type: String) -> Reply {
    Reply(
      answer: Answer(
        status: status, headers: [.init(name: "Content-Type", value: type)], body: Array(text.utf8)), manner: .whole,
      delayMilliseconds: 0)
  }
}
