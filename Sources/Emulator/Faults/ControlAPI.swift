/// The control endpoint: plain HTTP, for tests and people with curl.
///
/// `ControlAPI.help` is its documentation. Any other request is answered as the cloud answers plain HTTP.
struct ControlAPI: Sendable {
  static let help = """
    POST /faults?kind=KIND[&count=N][&service=NAME][&role=NAME][&action=NAME]
                 [&region=NAME][&key=ID][&part=N][&object=KEY][&from=ADDRESS]
      Starts a fault and answers with its number. It affects N requests, or,
      without count, all until it is cleared: every request, or only those to
      this service (sts, vod, oss, ecs, uri or kms), that call this action
      (AssumeRole or UploadPart, say), call this region (sts: cn-hangzhou for the
      hosts sts.cn-hangzhou.aliyuncs.com and sts-vpc.cn-hangzhou.aliyuncs.com,
      else the host without its port), are signed with this AccessKeyId (sts, vod
      and oss), send this part of an upload, mean the object with this key, come
      from this IPv4 address, or are about this role: AssumeRole of it, a
      document with its session, or a VOD call by one of its sessions.
      'unreachable' and 'certificate' affect connections, which only service and
      from choose; sts and vod share theirs. KIND is one of:

      delay            milliseconds=N: answer later; other connections don't wait
      dribble          milliseconds=N: send the answer's body byte by byte over
                       this time
      refuse           close the connection instead of answering
      lost-answer      carry out the operation, then close the connection
                       instead of answering
      unreachable      close new connections before the TLS handshake
      drop             close the connection in the middle of the answer
      certificate      form=expired, name or authority: show new connections a
                       bad TLS certificate, one that has expired, is for another
                       host name, or is signed by an unknown authority
      error            [status=500] [code=InternalError] [message=TEXT]: answer
                       with this error; with status=200 the error has that
                       status
      throttle         [code=Throttling.User] [retry_after_ms=N]: answer that
                       there are too many requests
      empty            [field=NAME]: answer with this field empty; without a
                       name, with all four fields of the credential empty
      missing          field=NAME: answer without this field
      replace          field=NAME&value=TEXT: answer with this text in the field
      date             offset_seconds=N, text=TEXT or absent=true: answer with a
                       Date header that is wrong by N seconds, with this text
                       as Date, or without one
      header           name=NAME&value=TEXT: add this header to the answer, also
                       to another fault's
      gzip             compress the body, though the client didn't ask for it
      html             [status=200]: answer with a proxy's HTML page
      oversize         [bytes=1000000]: pad a good answer with blanks
      garbage          [form=bytes]: answer with random bytes; other forms are
                       half (half an answer), nesting (deeply nested brackets),
                       list (a JSON list), nothing (no body), type (a good
                       answer declared as an image), http (not HTTP) and
                       tls (not TLS)
      key-disabled     [key=ID]: refuse this AccessKey as disabled; without an
                       ID, every AccessKey of a user or an account
      session-revoked  [key=ID]: refuse the session with this AccessKeyId as
                       unknown; without an ID, every session
      role-gone        answer AssumeRole as if the role didn't exist; sessions
                       that were issued stay valid

      This affects requests to the services ecs and uri alone, whose actions are
      PutMetadataToken, GetMetadataRole, GetMetadataCredentials and
      GetCredentials; that of kms is GetSecretValue:

      lapsed           answer with a session that ended a minute ago

      These affect requests to OSS alone:

      drop-request     close the connection when half of the request's body
                       has been read
      slow-request     milliseconds=N: spread the reading of the request's body
                       over this time
      stall            milliseconds=N: stop reading for this time in the middle
                       of the request's body
      checksum         [form=wrong]: answer with a wrong x-oss-hash-crc64ecma,
                       or, with form=missing, without one
      etag             answer with a wrong ETag
      corrupt          change one byte of the body before it is stored; the
                       answer's CRC and ETag are those of what is stored
      token-expired    [code=CODE] [at=start]: end the request's credential, for
                       later requests as well; with at=end only when the body
                       has been read. CODE is SecurityTokenExpired or
                       InvalidAccessKeyId, by default what the configuration
                       says
      check-expiry-at-end
                       refuse a request whose credential expires while its body
                       is being read
      no-such-upload   remove the upload that the request names

      For 'error', the codes of VOD and OSS bring their status and message
      along: kind=error&code=RequestTimeTooSkewed, say. 'drop' closes the connection
      without an answer where the answer has no body.

    GET /faults            list the faults in force
    DELETE /faults         clear all faults; DELETE /faults/N clears one
    POST /quotas?region=NAME&per_second=N
                           let the region admit N calls of AssumeRole and of
                           AssumeRoleWithOIDC per second and account, in place
                           of the account's own number; 0 throttles all
    GET /quotas            list these regions
    DELETE /quotas         go back to the accounts' own numbers
    GET /requests          count the requests by action, role and result, and
                           by region, action and result
    GET /requests/recent   list the latest 1000 requests
    GET /requests/oss      list the latest requests to OSS: operation, object,
                           part, bytes read, status and result
    DELETE /requests       start counting from zero
    GET /objects[?bucket=NAME][&key=KEY]
                           list the finished objects of OSS: size, CRC, ETag
                           and how often each was written
    POST /grants?bucket=NAME&key=KEY[&lifetime=3000]
                           make an upload credential for one object, as VOD
                           does, and signed URLs to put and get it
    GET /videos            list the videos that CreateUploadVideo made
    POST /oidc-token[?provider=NAME][&account=ID][&subject=subject]
                     [&audience=TEXT][&issuer=TEXT][&lifetime=3600]
                     [&not_before=0][&forged=true]
                           make an OIDC token, by default as the provider's
                           issuer and for its first client id; forged signs it
                           with another key; the times are in seconds from now
    POST /rotate?service=ecs
    POST /rotate?service=uri
                           hand out a new session from the next request on
    POST /rotate?service=kms&secret=NAME[&keep_seconds=600]
                           make a new AccessKey for the user of this secret,
                           and delete the former one after that time
    POST /clock?ahead_seconds=N
                           let the emulator's clock run N seconds ahead
    POST /clock?at=YYYY-MM-DDThh:mm:ssZ
                           stop the emulator's clock at this time
    POST /reload           read the configuration again; sessions stay valid
    GET /help              print this list

    """

  let service: SharedService
  private let reload: (@Sendable () throws -> AccountModel)?

  /// Nil without OSS.
  private let storage: StorageControl?

  init(service: SharedService, storage: StorageControl? = nil, reload: (@Sendable () throws -> AccountModel)?) {
    self.service = service
    self.storage = storage
    self.reload = reload
  }

  func answer(_ request: Request) -> Reply {
    let parts = request.path.split(separator: "/").map(String.init)
    if let parameters = Parameters(decoding: request.query.utf8),
      let answer = storage?.answer(request.method, parts, parameters)
    {
      return reply(answer.status, answer.fields)
    }
    if request.method == "DELETE", parts.count == 2, parts[0] == "faults" { return removeFault(parts[1]) }
    switch (request.method, parts) {
    case ("GET", ["help"]): return reply(200, Self.help, type: "text/plain; charset=utf-8")
    case ("POST", ["faults"]): return addFault(request)
    case ("GET", ["faults"]): return reply(200, listFaults())
    case ("DELETE", ["faults"]): return done { service.withService { $0.faults.removeAll() } }
    case ("POST", ["quotas"]): return setQuota(Parameters(decoding: request.query.utf8) ?? Parameters())
    case ("GET", ["quotas"]): return reply(200, listQuotas())
    case ("DELETE", ["quotas"]): return done { service.withService { $0.regionQuotas = RegionQuotas() } }
    case ("GET", ["requests"]): return reply(200, counts(service.withService { $0.callCounts }))
    case ("GET", ["requests", "recent"]): return reply(200, recent(service.withService { $0.callCounts }))
    case ("DELETE", ["requests"]):
      return done {
        service.withService { $0.resetCallCounts() }
        storage?.oss.log.reset()
      }
    case ("GET", ["videos"]): return reply(200, list(service.withService { $0.videos(at: service.clock.now) }))
    case ("POST", ["oidc-token"]): return makeToken(Parameters(decoding: request.query.utf8) ?? Parameters())
    case ("POST", ["rotate"]): return rotate(Parameters(decoding: request.query.utf8) ?? Parameters())
    case ("POST", ["clock"]): return setClock(request)
    case ("POST", ["reload"]): return reloadModel()
    default: return service.answer(request)
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
      return reply(200, ["id": .number(Int64(service.withService { $0.faults.add(fault) }))])
    } catch {
      return problem(400, error.problem)
    }
  }

  private func removeFault(_ number: String) -> Reply {
    guard let id = Int(number), service.withService({ $0.faults.remove(id) }) else {
      return problem(404, "there is no fault '\(number)' in force")
    }
    return reply(200, ["ok": .flag(true)])
  }

  private func listFaults() -> Fields {
    let faults = service.withService { $0.faults.faults }
    return [
      "faults": .list(
        faults.map { id, fault in
          var fields: Fields = ["id": .number(Int64(id)), "kind": .text(fault.kind.name)]
          if let role = fault.role { fields.append("role", .text(role)) }
          if let action = fault.action { fields.append("action", .text(action)) }
          if let region = fault.region { fields.append("region", .text(region)) }
          if let service = fault.service { fields.append("service", .text(service.rawValue)) }
          if let part = fault.part { fields.append("part", .number(Int64(part))) }
          if let key = fault.objectKey { fields.append("object", .text(key)) }
          if let keyID = fault.keyID { fields.append("key", .text(keyID)) }
          if let count = fault.count { fields.append("count", .number(Int64(count))) }
          return .object(fields)
        })
    ]
  }

  private func counts(_ callCounts: CallCounts) -> Fields {
    let lines = callCounts.counts.sorted {
      ($0.key.action, $0.key.role, $0.key.result) < ($1.key.action, $1.key.role, $1.key.result)
    }
    let regions = callCounts.regionCounts.sorted {
      ($0.key.region, $0.key.action, $0.key.result) < ($1.key.region, $1.key.action, $1.key.result)
    }
    return [
      "total": .number(Int64(callCounts.total)),
      "counts": .list(
        lines.map { line, count in
          .object([
            "action": .text(line.action), "role": .text(line.role), "result": .text(line.result),
            "count": .number(Int64(count)),
          ])
        }),
      "regions": .list(
        regions.map { line, count in
          .object([
            "region": .text(line.region), "action": .text(line.action), "result": .text(line.result),
            "count": .number(Int64(count)),
          ])
        }),
    ]
  }

  private func recent(_ callCounts: CallCounts) -> Fields {
    [
      "requests": .list(
        callCounts.recent.map { arrival in
          .object([
            "time": .text(arrival.time.isoText), "microseconds": .number(arrival.time.microseconds),
            "action": .text(arrival.action), "role": .text(arrival.role), "session_name": .text(arrival.sessionName),
            "access_key_id": .text(arrival.keyID), "nonce": .text(arrival.nonce), "host": .text(arrival.host),
            "region": .text(arrival.region), "result": .text(arrival.result),
          ])
        })
    ]
  }

  private func setClock(_ request: Request) -> Reply {
    let parameters = Parameters(decoding: request.query.utf8)
    if let seconds = parameters?["ahead_seconds"].flatMap(Int64.init),
      (-4_000_000_000...4_000_000_000).contains(seconds)
    {
      service.clock.run(aheadBySeconds: seconds)
    } else if let time = parameters?["at"].flatMap(WallTime.init) {
      service.clock.freeze(at: time)
    } else {
      return problem(400, "the clock is set with 'ahead_seconds' or 'at'")
    }
    return reply(200, ["now": .text(service.clock.now.isoText)])
  }

  private func reloadModel() -> Reply {
    guard let reload else { return problem(409, "there is no configuration file to read") }
    do {
      let model = try reload()
      return done { service.withService { $0.model = model } }
    } catch {
      return problem(409, "\(error)")
    }
  }

  func done(_ change: () -> Void) -> Reply {
    change()
    return reply(200, ["ok": .flag(true)])
  }

  func problem(_ status: Int, _ text: String) -> Reply { reply(status, ["problem": .text(text)]) }

  private func reply(_ status: Int, _ fields: Fields) -> Reply {
    reply(status, fields.json + "\n", type: "application/json")
  }

  func reply(_ status: Int, _ text: String, type: String) -> Reply {
    Reply(
      answer: Answer(
        status: status, headers: [.init(name: "Content-Type", value: type)], body: Array(text.utf8)), manner: .whole,
      delayMilliseconds: 0)
  }
}
