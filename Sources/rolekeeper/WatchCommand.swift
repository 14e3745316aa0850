import CommandInterface
import Core
import Glibc
import LocalClient
import Wire

/// `watch ROLE`: prints a line for each new session of the role, and runs a command.
///
/// The session at the start counts as new: whatever happened before, the command has then run for the latest one.
struct WatchCommand {
  /// How long the command may take to end when a signal ends the watch.
  static let grace = Duration.seconds(10)

  private let arguments: Arguments
  private let role: String
  private let command: ChildCommand?
  /// Stdout, if there is a command that it may not hold up.
  private let output: Outlet?
  private let errors = Outlet(STDERR_FILENO)
  private var stream: RoleStream
  private var changes = SessionChanges()
  private var queue = RunQueue()
  private var running: (child: ChildProgram, generation: UInt64)?

  init(_ client: LocalClient, _ arguments: Arguments) {
    self.arguments = arguments
    role = arguments.roles[0]
    command = arguments.program.map { ChildCommand(lastWords: $0.count, named: $0[0]) }
    output = command == nil ? nil : Outlet(STDOUT_FILENO)
    stream = RoleStream(client, role, scope: arguments.scope) { [errors] in errors.report($0) }
  }

  mutating func run() throws -> Int32 {
    try stream.open()
    if command != nil { SignalInbox.ignoreBrokenPipes() }
    // Without a command there is nothing to bring to an end, and a signal must end the watch even while stdout isn't read.
    let inbox = try SignalInbox(command == nil ? [] : SignalInbox.ending)
    do {
      while true {
        lookAfterCommand(inbox)
        try follow(BootClock.now, inbox)
        wait(for: [inbox.descriptor, stream.descriptor], until: [stream.deadline, giveUpAt].compactMap(\.self).min())
        try output?.flush()
      }
    } catch {
      finishRuns(inbox)
      // With no command left to look after, this process may be held up and be ended by a signal, as any other.
      inbox.release()
      // The error is what matters.
      try? output?.drain()
      throw error
    }
  }

  private func wait(for descriptors: [CInt?], until deadline: Timestamp?) {
    BootClock.wait(
      for: descriptors.compactMap(\.self), writable: [output?.descriptor, errors.descriptor].compactMap(\.self),
      until: deadline)
    // What can't be reported doesn't end the watch.
    try? errors.flush()
  }

  /// When `--timeout` ends the watch; nil while there is a stream, and without the option.
  private var giveUpAt: Timestamp? {
    guard let limit = arguments.timeout, let since = stream.brokenSince else { return nil }
    return since + .seconds(limit.seconds)
  }

  private mutating func follow(_ now: Timestamp, _ inbox: SignalInbox) throws {
    for event in try stream.events(at: now) where changes.isNew(event) {
      let line = arguments.isJSON ? String(decoding: event.rendered(), as: UTF8.self) : Self.line(event)
      if let output { try output.write(line) } else { try Console.write(line) }
      if command != nil, let session = queue.add(event) { start(for: session, inbox) }
    }
    if let giveUpAt, now >= giveUpAt, let trouble = stream.trouble { throw trouble }
  }

  static func line(_ event: RoleEvent) -> String {
    let end = event.expiresAt.map { ", expires \($0)" } ?? ""
    return
      "\(event.time.map { "\($0) " } ?? "")role '\(event.role)'\(event.scope.map { ", scope '\($0)'" } ?? ""): generation \(event.generation)\(end)\n"
  }

  /// The variables of a run.
  static func variables(_ session: RoleEvent) -> [(name: String, value: String)] {
    [
      ("ROLEKEEPER_ROLE", session.role), ("ROLEKEEPER_GENERATION", "\(session.generation)"),
      ("ROLEKEEPER_EXPIRATION", session.expiresAt?.description ?? ""),
    ] + (session.scope.map { [("ROLEKEEPER_SCOPE", $0)] } ?? [])
  }

  /// A run's environment. A scope's name that `exec` gave this watch isn't that of the role followed here.
  static func environment(_ session: RoleEvent) -> ChildEnvironment {
    let variables = variables(session)
    return ChildEnvironment(variables: variables, without: variables.map(\.name) + ["ROLEKEEPER_SCOPE"])
  }

  // MARK: - The command

  private mutating func start(for session: RoleEvent, _ inbox: SignalInbox) {
    var next: RoleEvent? = session
    while let session = next, let command {
      do throws(StartFailure) {
        let environment = Self.environment(session)
        // No command has got it, even if it is the terminal's.
        if let signal = inbox.next() { SignalInbox.end(by: signal.number) }
        running = (try command.start(environment), session.generation)
        return
      } catch {
        errors.report("\(error) (for generation \(session.generation))")
        next = queue.runEnded()
      }
    }
  }

  private mutating func lookAfterCommand(_ inbox: SignalInbox) {
    // Before the command: the SIGCHLD of an end that is seen afterwards stays pending, and ends the next wait.
    if let signal = inbox.next() { end(by: signal, inbox) }
    reap(inbox)
  }

  /// Looks whether the run has ended; its failure doesn't end the watch.
  private mutating func reap(_ inbox: SignalInbox) {
    guard let (child, generation) = running, case .ended(let end) = child.news() else { return }
    running = nil
    if end != .exited(0), let command {
      errors.report("\(quoted(command.name)) for generation \(generation) \(end)")
    }
    if let session = queue.runEnded() { start(for: session, inbox) }
  }

  // MARK: - The end

  /// Lets the command end for the sessions that were printed, when the watch ends for another reason than a signal.
  private mutating func finishRuns(_ inbox: SignalInbox) {
    if let running, let command {
      errors.report("the watch ends after \(quoted(command.name)) for generation \(running.generation)")
    }
    while running != nil {
      lookAfterCommand(inbox)
      if running != nil { wait(for: [inbox.descriptor], until: nil) }
      // The error that ends the watch is thrown in any case.
      try? output?.flush()
    }
  }

  /// Passes the signal on to a running command, waits for it, and ends by the same signal.
  private mutating func end(by signal: SignalInbox.Arrival, _ inbox: SignalInbox) -> Never {
    let deadline = BootClock.now + Self.grace
    if !signal.isForGroup { running?.child.send(signal.number) }
    while let child = running?.child, BootClock.now < deadline {
      while let more = inbox.next() { if !more.isForGroup { child.send(more.number) } }
      if case .ended = child.news() { break }
      BootClock.wait(for: [inbox.descriptor], until: deadline)
    }
    SignalInbox.end(by: signal.number)
  }
}
