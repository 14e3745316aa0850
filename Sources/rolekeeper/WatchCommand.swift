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
  private var stream: RoleStream
  private var changes = SessionChanges()
  private var queue = RunQueue()
  private var running: (child: ChildProgram, generation: UInt64)?

  init(_ client: LocalClient, _ arguments: Arguments) {
    self.arguments = arguments
    role = arguments.roles[0]
    command = arguments.program.map { ChildCommand(lastWords: $0.count, named: $0[0]) }
    stream = RoleStream(client, role) { Console.report($0) }
  }

  mutating func run() throws -> Int32 {
    try stream.open()
    // Without a command there is nothing to bring to an end, and a signal must end the watch even while stdout isn't read.
    let inbox = try SignalInbox(command == nil ? [] : [SIGINT, SIGTERM, SIGHUP])
    while true {
      let now = BootClock.now
      for event in try stream.events(at: now) where changes.isNew(event) {
        try Console.write(arguments.isJSON ? String(decoding: event.rendered(), as: UTF8.self) : Self.line(event))
        if command != nil, let session = queue.add(event) { start(for: session) }
      }
      if let limit = arguments.timeout, let trouble = stream.trouble, let since = stream.brokenSince,
        now - since >= .seconds(limit.seconds)
      {
        throw trouble
      }
      // Before the command: the SIGCHLD of an end that is seen afterwards stays pending, and ends the next wait.
      if let signal = inbox.next() { end(by: signal, inbox) }
      reap()
      BootClock.wait(for: [inbox.descriptor] + [stream.descriptor].compactMap(\.self), until: stream.deadline)
    }
  }

  static func line(_ event: RoleEvent) -> String {
    let end = event.expiresAt.map { ", expires \($0)" } ?? ""
    return "\(event.time.map { "\($0) " } ?? "")role '\(event.role)': generation \(event.generation)\(end)\n"
  }

  /// The variables of a run.
  static func variables(_ session: RoleEvent) -> [(name: String, value: String)] {
    [
      ("ROLEKEEPER_ROLE", session.role), ("ROLEKEEPER_GENERATION", "\(session.generation)"),
      ("ROLEKEEPER_EXPIRATION", session.expiresAt?.description ?? ""),
    ]
  }

  // MARK: - The command

  private mutating func start(for session: RoleEvent) {
    var next: RoleEvent? = session
    while let session = next, let command {
      do throws(StartFailure) {
        let variables = Self.variables(session)
        let environment = ChildEnvironment(variables: variables, without: variables.map(\.name))
        running = (try command.start(environment), session.generation)
        return
      } catch {
        Console.report("\(error) (for generation \(session.generation))")
        next = queue.runEnded()
      }
    }
  }

  /// Looks whether the run has ended; its failure doesn't end the watch.
  private mutating func reap() {
    guard let (child, generation) = running, case .ended(let end) = child.news() else { return }
    running = nil
    if end != .exited(0), let command {
      Console.report("\(quoted(command.name)) for generation \(generation) \(end)")
    }
    if let session = queue.runEnded() { start(for: session) }
  }

  // MARK: - The end

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
