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

  private let arguments: Arguments
  /// Of the file, if there is one.
  private let format: OutputFormat
  private let command: ChildCommand
  private let inbox: SignalInbox
  private let file: PrivateFile?
  private let errors = Outlet(STDERR_FILENO)
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
  /// Fetches what the stream announces; nil without a stream.
  private var fetch: SessionFetch?
  /// A session that couldn't be written to the file, and when that is tried again.
  private var unwritten: (session: ExecSession, at: Timestamp)?
  private var writeRetries = Retries(first: .seconds(1), longest: .minutes(1))

  /// Throws `SystemFailure` if the file can't be written.
  init(
    _ client: LocalClient, _ arguments: Arguments, _ format: OutputFormat, _ command: ChildCommand,
    _ session: ExecSession
  )
    throws
  {
    (self.arguments, self.format, self.command, self.session) = (arguments, format, command, session)
    // First, so that no signal leaves the file behind.
    SignalInbox.ignoreBrokenPipes()
    inbox = try SignalInbox(Self.signals)
    file = arguments.usesFile ? try PrivateFile() : nil
    if let file, let text = try session.rendered(as: format, for: arguments) { try file.write(text) }
    if file != nil || arguments.renewal != .none {
      stream = RoleStream(client, arguments.roles[0], scope: arguments.scope) { [errors] in errors.report($0) }
      fetch = SessionFetch(client, arguments.roles[0], scope: arguments.scope, minTTL: arguments.minTTL) {
        [errors] in errors.report($0)
      }
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
    let descriptors = [inbox.descriptor, stream?.descriptor, fetch?.descriptor].compactMap(\.self)
    let deadlines = [machine.deadline, stream?.deadline, fetch?.deadline, unwritten?.at].compactMap(\.self)
    BootClock.wait(for: descriptors, writable: [errors.descriptor].compactMap(\.self), until: deadlines.min())
    // What can't be reported doesn't end the command.
    try? errors.flush()
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
      errors.report("\(error)")
      end = .exited(error.exitStatus)
    }
  }

  // MARK: - New sessions

  private mutating func follow(_ now: Timestamp) {
    do {
      if let (new, at) = unwritten, now >= at { try put(new, now) }
      for event in try stream?.events(at: now) ?? [] {
        if let time = event.time {
          // Whole seconds on both sides: one of them says nothing.
          let offset = time.seconds - WallClock.now() / 1_000_000
          clockOffset = abs(offset) > 1 ? offset : 0
        }
        if changes.isNew(event) { fetch?.begin(at: now) }
      }
      // The stream reports a daemon that can't be reached for a while.
      let isReachable = stream?.brokenSince == nil
      if let new = try fetch?.step(at: now, isReachable: isReachable) { try take(new, now) }
    } catch {
      errors.report("\(error)\nthe command goes on without new sessions")
      (stream, fetch) = (nil, nil)
    }
  }

  /// With `--min-ttl` a session that ends earlier than the present one isn't taken: that one may be longer than the role's own.
  private mutating func take(_ new: ExecSession, _ now: Timestamp) throws {
    guard new.accessKeyID != session.accessKeyID,
      arguments.minTTL == nil || new.expiration > session.expiration
    else { return }
    try put(new, now)
  }

  /// Gives the command the session. One that can't be written is kept and tried again: to fetch it again would be another hand-out.
  private mutating func put(_ new: ExecSession, _ now: Timestamp) throws {
    do {
      if let file, let text = try new.rendered(as: format, for: arguments) { try file.write(text) }
    } catch {
      var generator = SystemRandomNumberGenerator()
      let (next, isNews) = writeRetries.failed(at: now, using: &generator)
      unwritten = (new, next)
      if isNews { errors.report("\(error); still trying") }
      return
    }
    unwritten = nil
    writeRetries.succeeded()
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
