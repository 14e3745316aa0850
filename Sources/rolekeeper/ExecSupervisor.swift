import CommandInterface
import Core
import Glibc
import LocalClient
import Secrets
import Wire

/// Stays beside the command of `exec`: passes signals on, fetches each new session of the role, and carries out what `ExecMachine`
/// decides.
struct ExecSupervisor {
  /// Those that the command gets, too. SIGKILL and SIGSTOP can't be passed on.
  private static let signals = SignalInbox.ending + [SIGWINCH, SIGTSTP, SIGCONT]
  /// The pause after a new session couldn't be fetched, and how long the daemon may take to answer.
  private static let pause = Duration.seconds(1)
  private static let longestAnswer = Duration.seconds(15)

  private let client: LocalClient
  private let arguments: Arguments
  private let command: ChildCommand
  private let inbox: SignalInbox
  private let file: PrivateFile?
  private var session: ExecSession
  private var child: ChildProgram?
  private var machine: ExecMachine
  /// How this process ends, once that is known.
  private var end: ChildEnd?

  /// The role's events; nil if its rotations don't matter or can't be followed any more.
  private var stream: RoleStream?
  private var changes: SessionChanges
  /// The server's time minus this host's, in seconds, by the latest event.
  private var clockOffset: Int64 = 0
  /// The request for a new session, and its deadline.
  private var fetch: (answer: PendingAnswer, until: Timestamp)?
  /// When a new session is to be fetched; nil while none is known of.
  private var fetchAt: Timestamp?

  /// Throws `SystemFailure` if the file can't be written.
  init(_ client: LocalClient, _ arguments: Arguments, _ command: ChildCommand, _ session: ExecSession) throws {
    (self.client, self.arguments, self.command, self.session) = (client, arguments, command, session)
    // First, so that no signal leaves the file behind.
    SignalInbox.ignoreBrokenPipes()
    inbox = try SignalInbox(Self.signals)
    file = arguments.format == .env ? nil : try PrivateFile()
    if let file, let text = try session.rendered(as: arguments.format, for: arguments) { try file.write(text) }
    if file != nil || arguments.renewal != .none {
      stream = RoleStream(client, arguments.roles[0]) { Console.report($0) }
    }
    changes = SessionChanges(after: session.accessKeyID)
    let now = BootClock.now
    machine = ExecMachine(
      arguments.renewal, endsBeforeExpiry: arguments.endsBeforeExpiry,
      expires: Self.end(of: session, clockOffset: 0, now), at: now)
  }

  /// Returns the exit status, or ends this process by the signal that has ended the command: a service manager doesn't take SIGTERM
  /// for a failure, but does so with the status that shells make of it. The file is removed whatever happens.
  mutating func run() throws -> Int32 {
    defer { file?.remove() }
    try start(isFirst: true)
    while true {
      switch end {
      case .exited(let status): return status
      case .killed(let number):
        file?.remove()
        SignalInbox.end(by: number)
      case nil: break
      }
      let now = BootClock.now
      follow(now)
      try look(now)
      if end == nil { wait() }
    }
  }

  private func wait() {
    let descriptors = [inbox.descriptor, stream?.descriptor, fetch?.answer.descriptor].compactMap(\.self)
    let deadlines = [machine.deadline, stream?.deadline, fetch?.until ?? fetchAt].compactMap(\.self)
    BootClock.wait(for: descriptors, until: deadlines.min())
  }

  /// Looks after the command, the signals and the time.
  private mutating func look(_ now: Timestamp) throws {
    // Before the command: the SIGCHLD of what is seen afterwards stays pending, and ends the next wait.
    while let signal = inbox.next() { try handle(.signal(signal.number, isForGroup: signal.isForGroup), now) }
    while let news = child?.news() {
      switch news {
      case .ended(let end):
        child = nil
        try handle(.ended(end), now)
      case .stopped(let number): try handle(.stopped(number), now)
      }
      if end != nil { return }
    }
    if let due = machine.deadline, now >= due { try handle(.due, now) }
  }

  private mutating func handle(_ event: ExecMachine.Event, _ now: Timestamp) throws {
    for effect in machine.handle(event, at: now) {
      switch effect {
      case .send(let number): child?.send(number)
      case .start: try start()
      case .stopSelf: kill(getpid(), SIGSTOP)
      case .finish(let end): self.end = end
      }
    }
  }

  private mutating func start(isFirst: Bool = false) throws {
    defer { session.dropSecrets() }
    let environment = try session.environment(arguments, file: file)
    // Of these no command has got any, even if they are the terminal's.
    while let signal = inbox.next() {
      if ExecMachine.preventsStart(signal.number, isFirst: isFirst) {
        end = .killed(signal.number)
        return
      }
    }
    do throws(StartFailure) {
      child = try command.start(environment)
    } catch {
      Console.report("\(error)")
      end = .exited(error.exitStatus)
    }
  }

  // MARK: - New sessions

  private mutating func follow(_ now: Timestamp) {
    do {
      for event in try stream?.events(at: now) ?? [] {
        if let time = event.time {
          // Whole seconds on both sides: one of them says nothing.
          let offset = time.seconds - WallClock.now() / 1_000_000
          clockOffset = abs(offset) > 1 ? offset : 0
        }
        if changes.isNew(event) { fetchAt = now }
      }
      try fetchIfDue(now)
    } catch is LocalClientError {
      // The stream reports a daemon that can't be reached for a while.
      (fetch, fetchAt) = (nil, now + Self.pause)
    } catch {
      Console.report("\(error)\nthe command goes on without new sessions")
      (stream, fetch, fetchAt) = (nil, nil, nil)
    }
  }

  private mutating func fetchIfDue(_ now: Timestamp) throws {
    if fetch == nil, let due = fetchAt, now >= due {
      let answer = try client.begin("/v1/roles/\(arguments.roles[0])/credentials")
      (fetch, fetchAt) = ((answer, now + Self.longestAnswer), nil)
    }
    guard let (pending, until) = fetch else { return }
    guard let answer = try pending.read() else {
      guard now < until else { throw LocalClientError.silent(path: client.path, timeout: Self.longestAnswer) }
      return
    }
    fetch = nil
    guard answer.status == 200 else {
      let refusal = Refusal(answer, role: arguments.roles[0])
      guard refusal.exitStatus == ExitStatus.notNow else { throw refusal }
      fetchAt = now + Self.pause
      return
    }
    try take(try ExecSession(answer), now)
  }

  /// With `--min-ttl` a session that ends earlier than the present one isn't taken: that one may be longer than the role's own.
  private mutating func take(_ new: ExecSession, _ now: Timestamp) throws {
    guard new.accessKeyID != session.accessKeyID,
      arguments.minTTL == nil || new.expiration > session.expiration
    else { return }
    do {
      if let file, let text = try new.rendered(as: arguments.format, for: arguments) { try file.write(text) }
    } catch {
      Console.report("\(error)")
      fetchAt = now + Self.pause
      return
    }
    session = new
    if file != nil { session.dropSecrets() }
    try handle(.renewed(expires: Self.end(of: new, clockOffset: clockOffset, now)), now)
  }

  // MARK: - Time

  /// When a session ends, by this process's clock.
  private static func end(of session: ExecSession, clockOffset: Int64, _ now: Timestamp) -> Timestamp {
    let seconds = session.expiration.seconds - clockOffset
    return Timestamp(microseconds: now.microseconds + seconds * 1_000_000 - WallClock.now())
  }
}
