import CloudAPI
import Core
import Identities
import Secrets
import Testing

/// Which key signs when another one is put in place, with virtual time.
@Suite struct KeySuccessionTests {
  /// Performs nothing and records everything.
  struct Trial {
    private var keys: KeySuccession
    private var generator = CountingGenerator()
    private var now = Timestamp(microseconds: 1_000_000_000)
    /// Calls under way, in order.
    private(set) var asked: [(id: KeySuccession.InquiryID, key: AccessKey)] = []
    private(set) var inquiries = 0
    private(set) var deadline: Timestamp?
    private(set) var returns = 0
    private(set) var changes = 0
    private(set) var reports: [String] = []

    init(after memory: KeyMemory = .nothing) { keys = KeySuccession(after: memory) }

    var signer: String? { keys.current?.key.id }
    var current: KeySuccession.Current? { keys.current }
    var candidate: KeySuccession.Candidate? { keys.candidate }
    var asking: String? { asked.first?.key.id }

    mutating func send(_ event: KeySuccession.Event) {
      // The driver asks this first.
      if case .accepted(let key) = event, keys.isAcceptedAgain(key, at: now) { return }
      for effect in keys.handle(event, at: now, using: &generator) {
        switch effect {
        case .ask(let id, let key):
          asked.append((id, key))
          inquiries += 1
        case .abandon(let id): asked.removeAll { $0.id == id }
        case .arm(let instant): deadline = instant
        case .keyChanged: changes += 1
        case .acceptedAgain: returns += 1
        case .report(let report): reports.append("\(report)".prefix { $0 != "(" }.description)
        }
      }
      #expect(asked.count <= 1, "one question at a time")
    }

    mutating func answer(_ answer: STSAnswer<CallerIdentity>) throws {
      try #require(!asked.isEmpty)
      send(.answered(asked.removeFirst().id, answer))
    }

    /// Fires the armed timer, and returns how long that took.
    @discardableResult
    mutating func waitForTimer() throws -> Duration {
      let next = try #require(deadline)
      let wait = max(.zero, next - now)
      pass(wait)
      deadline = nil
      send(.timerFired)
      return wait
    }

    /// From now on the key is in another place.
    mutating func move() {
      keys = KeySuccession(succeeding: keys)
      asked = []
      deadline = nil
      send(.timerFired)
    }

    mutating func pass(_ span: Duration) { now = now + span }

    var time: Timestamp { now }
  }

  /// The same numbers in each run (SplitMix64).
  struct CountingGenerator: RandomNumberGenerator {
    private var state: UInt64 = 7

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
      return mixed ^ mixed >> 31
    }
  }

  static var old: AccessKey { key("LTAIoldoldoldold", "old-secret") }
  static var new: AccessKey { key("LTAInewnewnewnew", "new-secret") }
  static let bot = CallerIdentity(arn: "acs:ram::1:user/bot", userID: "21")
  static let other = CallerIdentity(arn: "acs:ram::1:user/other", userID: "22")
  static let unknown = Failure(.permanent, code: "InvalidAccessKeyId.NotFound", httpStatus: 404, advice: "a")
  static let wrongSecret = Failure(.permanent, code: "SignatureDoesNotMatch", httpStatus: 400, advice: "a")
  static let silent = Failure(.transient, code: "ConnectTimeout", advice: "a")

  static func key(_ id: String, _ secret: String) -> AccessKey {
    AccessKey(id: id, secret: Secret(copying: Array(secret.utf8).span))
  }

  /// The old key signs, and AssumeRole has accepted it.
  private func working() -> Trial {
    var trial = Trial()
    trial.send(.found(Self.old))
    trial.send(.accepted(Self.old))
    return trial
  }

  /// The new key was found, and the old one's owner is known.
  private func proving() throws -> Trial {
    var trial = working()
    trial.send(.found(Self.new))
    #expect(trial.asking == Self.old.id, "whose the old key is, to be compared")
    try trial.answer(.granted(Self.bot))
    #expect(trial.asking == Self.new.id)
    return trial
  }

  @Test func `the first key signs at once, and AssumeRole proves it`() {
    var trial = Trial()
    trial.send(.found(Self.old))
    #expect(trial.signer == Self.old.id && trial.changes == 1 && trial.asked.isEmpty)
    #expect(trial.current?.proven == nil)
    trial.send(.accepted(Self.old))
    #expect(trial.current?.proven != nil && trial.current?.lastAccepted != nil)
  }

  @Test func `an earlier process's proof counts for that key only, and saves a call`() throws {
    var generator = CountingGenerator()
    let at = Timestamp(microseconds: 9_000_000)
    func found(_ key: AccessKey, _ proof: KeyProof?) -> KeySuccession {
      var keys = KeySuccession(after: .inherited(proof))
      let effects = keys.handle(.found(key), at: at, using: &generator)
      #expect(!effects.contains { if case .ask = $0 { true } else { false } })
      return keys
    }
    let proof = Self.proof
    let same = found(Self.old, proof)
    #expect(same.proof == proof && same.current?.shownID == Self.old.id)
    let other = found(Self.new, proof)
    #expect(other.proof == nil && other.current?.identity == nil && other.current?.since == at)
    #expect(found(Self.old, nil).proof == nil)
  }

  private static let proof = KeyProof(
    accessKeyID: old.id, since: Timestamp(microseconds: 1), proven: Timestamp(microseconds: 2),
    lastAccepted: Timestamp(microseconds: 3), identity: bot)

  /// It was shown as unproven until the first session was due, half an hour later.
  @Test(arguments: [proof, nil])
  func `after a handover of sessions STS is asked soon about a key that no earlier process has proven`(proof: KeyProof?)
    throws
  {
    var trial = Trial(after: .inherited(proof))
    trial.send(.found(Self.new))
    #expect(trial.signer == Self.new.id && trial.asked.isEmpty && trial.current?.proven == nil)
    #expect(try trial.waitForTimer() <= .seconds(5) && trial.asking == Self.new.id)
    try trial.answer(.granted(Self.other))
    #expect(trial.current?.proven == trial.time && trial.current?.shownID == Self.new.id)
    #expect(trial.reports == ["first"] + (proof == nil ? [] : ["otherIdentity"]))
  }

  @Test func `STS is asked again about a key that it refuses after a restart, and the refusal is shown`() throws {
    var trial = Trial(after: .inherited(Self.proof))
    trial.send(.found(Self.new))
    try trial.waitForTimer()
    try trial.answer(.refused(Self.unknown))
    #expect(trial.current?.refusal?.failure.code == Self.unknown.code)
    try trial.waitForTimer()
    try trial.answer(.granted(Self.bot))
    #expect(trial.current?.refusal == nil && trial.current?.proven == trial.time)
  }

  /// It was found when the tier was lost.
  @Test func `a key that only stands by is tried soon and then each day, and a refusal is shown until STS accepts it`()
    throws
  {
    var trial = Trial()
    trial.send(.standsBy(true))
    trial.send(.found(Self.old))
    for wait in [Duration.seconds(30)...Duration.minutes(10), Duration.hours(24)...Duration.hours(24)] {
      #expect(wait.contains(try trial.waitForTimer()) && trial.asking == Self.old.id)
      try trial.answer(.granted(Self.bot))
      #expect(trial.current?.proven != nil && trial.current?.refusal == nil)
    }
    try trial.waitForTimer()
    try trial.answer(.refused(Self.unknown))
    #expect(trial.current?.refusal != nil && trial.changes == 1)
    // With back-off, like any other call.
    #expect(try trial.waitForTimer() <= .minutes(10))
    try trial.answer(.granted(Self.bot))
    #expect(trial.current?.refusal == nil && trial.changes == 2, "those that failed by it try again")
  }

  @Test func `a key that stands by no longer, or begins to, is asked about once`() throws {
    var trial = working()
    #expect(trial.deadline != nil, "its owner isn't known yet")
    try trial.waitForTimer()
    try trial.answer(.granted(Self.bot))
    #expect(trial.deadline == nil)
    trial.send(.standsBy(true))
    try trial.waitForTimer()
    trial.send(.standsBy(false))
    try trial.answer(.refused(Self.unknown))
    #expect(trial.current?.refusal == nil, "AssumeRole decides")
  }

  @Test func `a key that STS refuses has no proof to hand over`() {
    var keys = KeySuccession()
    var generator = CountingGenerator()
    let at = Timestamp(microseconds: 1_000_000)
    _ = keys.handle(.found(Self.old), at: at, using: &generator)
    #expect(keys.proof == nil)
    _ = keys.handle(.accepted(Self.old), at: at, using: &generator)
    #expect(keys.proof?.accessKeyID == Self.old.id && keys.proof?.proven == at)
    _ = keys.handle(.refused(Self.old, Self.unknown), at: at, using: &generator)
    #expect(keys.proof == nil)
  }

  /// A role whose call had been refused repeated that for minutes, while STS accepted the same key from the others.
  @Test func `only an acceptance that changes nothing is noted without an event`() {
    var keys = KeySuccession()
    var generator = CountingGenerator()
    func at(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }
    func isNoted(_ key: AccessKey, _ seconds: Int64) -> Bool { keys.isAcceptedAgain(key, at: at(seconds)) }
    #expect(!isNoted(Self.old, 1), "there is no key yet")
    _ = keys.handle(.found(Self.old), at: at(1), using: &generator)
    #expect(!isNoted(Self.old, 2) && keys.current?.lastAccepted == nil, "the first time is reported")
    _ = keys.handle(.accepted(Self.old), at: at(3), using: &generator)
    #expect(isNoted(Self.old, 4) && keys.current?.lastAccepted == at(4))
    #expect(!isNoted(Self.new, 5) && keys.current?.lastAccepted == at(4))
    _ = keys.handle(.refused(Self.old, Self.unknown), at: at(6), using: &generator)
    #expect(!isNoted(Self.old, 7), "the refusal ends")
  }

  @Test func `a key that STS accepts again lets the refused roles try again`() {
    var trial = working()
    let changes = trial.changes
    trial.send(.refused(Self.old, Self.unknown))
    trial.pass(.seconds(20))
    trial.send(.refused(Self.old, Self.unknown))
    trial.pass(.seconds(10))
    #expect(trial.returns == 0)
    trial.send(.accepted(Self.old))
    #expect(trial.returns == 1 && trial.current?.refusal == nil)
    trial.send(.accepted(Self.old))
    #expect(trial.returns == 1 && trial.changes == changes, "the key is the same")
  }

  /// Each session of the other roles made the refused one try again, and calls under way were discarded.
  @Test func `a key refused for one role and accepted for others triggers nothing`() {
    var trial = working()
    for _ in 0..<50 {
      trial.send(.refused(Self.old, Self.unknown))
      trial.pass(.seconds(5))
      trial.send(.accepted(Self.old))
      trial.pass(.seconds(5))
    }
    #expect(trial.returns == 0)
  }

  /// The status kept showing "new AccessKey not taken" for a key that had long left the file.
  @Test func `a key on trial that leaves the file is forgotten`() throws {
    var trial = try proving()
    trial.send(.lost)
    #expect(trial.candidate == nil && trial.asked.isEmpty && trial.signer == Self.old.id)
    #expect(trial.reports.last == "candidateLost")
    let count = trial.reports.count
    trial.send(.lost)
    #expect(trial.reports.count == count, "once")
    trial.send(.found(Self.new))
    #expect(trial.candidate != nil, "it may come back")
  }

  /// A trust policy may name users, and nothing named the key's owner.
  @Test func `the owner of a key that may not assume a role is asked at once, and reported`() throws {
    var trial = Trial()
    trial.send(.found(Self.old))
    trial.send(.denied(Self.old))
    #expect(trial.asking == Self.old.id)
    trial.send(.denied(Self.old))
    #expect(trial.inquiries == 1)
    try trial.answer(.granted(Self.bot))
    #expect(trial.current?.identity == Self.bot && trial.reports.last == "identified")
    trial.send(.denied(Self.old))
    #expect(trial.inquiries == 1 && trial.asked.isEmpty)
  }

  @Test func `a new key signs once it is proven, and not before`() throws {
    var trial = try proving()
    #expect(trial.signer == Self.old.id)
    try trial.answer(.granted(Self.bot))
    #expect(trial.signer == Self.new.id && trial.changes == 2)
    #expect(trial.current?.proven != nil && trial.current?.lastAccepted == nil, "the old one can't be disabled yet")
    trial.pass(.seconds(3))
    trial.send(.accepted(Self.new))
    #expect(trial.current?.lastAccepted != nil)
    #expect(!trial.reports.contains("otherIdentity"))
  }

  @Test(arguments: [unknown, wrongSecret])
  func `a wrong key never signs while the old one works, and is tried again slowly`(_ failure: Failure) throws {
    var trial = try proving()
    for _ in 0..<20 {
      try trial.answer(.refused(failure))
      #expect(trial.signer == Self.old.id && trial.candidate?.failure?.failure == failure)
      trial.send(.accepted(Self.old))
      #expect(try trial.waitForTimer() >= .seconds(30))
    }
    #expect(trial.reports.count { $0 == "notTaken" } == 1, "the journal has it once")
    try trial.answer(.granted(Self.bot))
    #expect(trial.signer == Self.new.id, "a key that RAM knows after a while is taken")
  }

  @Test func `while STS can't be reached the proof is retried with back-off, and the old key signs`() throws {
    var trial = try proving()
    var waits: [Duration] = []
    for _ in 0..<12 {
      try trial.answer(.refused(Self.silent))
      waits.append(try trial.waitForTimer())
      #expect(trial.signer == Self.old.id)
    }
    #expect(waits[0] <= .seconds(1) && waits[11] >= .seconds(30) && waits.max()! <= .seconds(60))
    try trial.answer(.granted(Self.bot))
    #expect(trial.signer == Self.new.id)
  }

  @Test func `a lack of threads or memory is no verdict on a key`() throws {
    var trial = try proving()
    try trial.answer(.refused(Failure(.transient, code: "NoResources", advice: "a")))
    #expect(trial.candidate?.failure == nil && !trial.reports.contains("notTaken"))
    try trial.waitForTimer()
    try trial.answer(.granted(Self.bot))
    #expect(trial.signer == Self.new.id)
  }

  @Test func `another owner's key is used, with a warning that names both`() throws {
    var trial = try proving()
    try trial.answer(.granted(Self.other))
    #expect(trial.signer == Self.new.id && trial.reports.contains("otherIdentity"))
  }

  @Test func `a user created again under the same name is another owner`() throws {
    var trial = try proving()
    try trial.answer(.granted(CallerIdentity(arn: Self.bot.arn, userID: "99")))
    #expect(trial.reports.contains("otherIdentity"))
  }

  @Test func `an answer without a user id is compared by the members that it has`() throws {
    var trial = try proving()
    try trial.answer(.granted(CallerIdentity(arn: Self.bot.arn)))
    #expect(!trial.reports.contains("otherIdentity"))
  }

  @Test func `the key's owner is asked some time after its first session, and remembered when the key dies`() throws {
    var trial = working()
    #expect((Duration.seconds(30)...Duration.seconds(90)).contains(try trial.waitForTimer()))
    try trial.answer(.granted(Self.bot))
    #expect(trial.deadline == nil && trial.asked.isEmpty)
    trial.send(.refused(Self.old, Self.unknown))
    trial.send(.found(Self.new))
    try trial.answer(.granted(Self.other))
    #expect(trial.reports.contains("otherIdentity"))
  }

  @Test func `when the old key is refused the new one signs unproven`() throws {
    var trial = working()
    trial.send(.refused(Self.old, Self.unknown))
    #expect(trial.signer == Self.old.id && trial.current?.refusal != nil)
    trial.send(.found(Self.new))
    #expect(trial.signer == Self.new.id && trial.current?.proven == nil)
    #expect(trial.asking == Self.new.id, "it is proven all the same")
    try trial.answer(.granted(Self.bot))
    #expect(trial.current?.proven != nil)
  }

  @Test func `when the old key is refused while the new one is on trial the new one signs at once`() throws {
    for isSilent in [false, true] {
      var trial = try proving()
      if isSilent { try trial.answer(.refused(Self.silent)) }
      trial.send(.refused(Self.old, Self.unknown))
      #expect(trial.signer == Self.new.id && trial.candidate == nil)
    }
  }

  @Test func `a refused key doesn't sign unproven, and is tried again when the old one is refused`()
    throws
  {
    var trial = try proving()
    try trial.answer(.refused(Self.wrongSecret))
    trial.pass(.seconds(5))
    trial.send(.refused(Self.old, Self.unknown))
    #expect(trial.signer == Self.old.id && trial.asking == Self.new.id)
    // Not even if the next answer has no verdict on the key.
    try trial.answer(.refused(Self.silent))
    trial.send(.refused(Self.old, Self.unknown))
    #expect(trial.signer == Self.old.id)
  }

  @Test func `a refusal of a key that no longer signs is ignored`() throws {
    var trial = try proving()
    try trial.answer(.granted(Self.bot))
    trial.send(.refused(Self.old, Self.unknown))
    trial.send(.accepted(Self.old))
    #expect(trial.current?.refusal == nil && trial.current?.lastAccepted == nil)
  }

  @Test func `a session issued to the key ends its refusal`() {
    var trial = working()
    trial.send(.refused(Self.old, Self.unknown))
    trial.send(.accepted(Self.old))
    #expect(trial.current?.refusal == nil)
  }

  @Test func `the same id with another secret is a different key`() throws {
    var trial = working()
    trial.send(.found(Self.key(Self.old.id, "half-a-sec")))
    try trial.answer(.granted(Self.bot))
    try trial.answer(.refused(Self.wrongSecret))
    #expect(trial.signer == Self.old.id && trial.current?.key.isSame(as: Self.old) == true)
  }

  @Test func `putting the old key back ends the trial`() throws {
    var trial = try proving()
    trial.send(.found(Self.old))
    #expect(trial.candidate == nil && trial.asked.isEmpty && trial.signer == Self.old.id && trial.changes == 1)
  }

  @Test func `a third key replaces the one on trial, whose late answer is ignored`() throws {
    var trial = try proving()
    let late = try #require(trial.asked.first?.id)
    let third = Self.key("LTAIthirdthirdth", "third-secret")
    trial.send(.found(third))
    trial.send(.answered(late, .granted(Self.bot)))
    #expect(trial.signer == Self.old.id)
    try trial.waitForTimer()
    #expect(trial.asking == third.id)
    try trial.answer(.granted(Self.bot))
    #expect(trial.signer == third.id)
  }

  @Test func `a constantly rewritten file causes no more than one call a second`() throws {
    var trial = try proving()
    let before = trial.inquiries
    for number in 0..<1000 {
      trial.pass(.milliseconds(10))
      trial.send(.found(Self.key("LTAInewnewnewnew", "secret-\(number)")))
      if let deadline = trial.deadline, deadline <= trial.time { trial.send(.timerFired) }
    }
    #expect((5...11).contains(trial.inquiries - before))
  }

  @Test func `a reload tries a refused new key again at once`() throws {
    var trial = try proving()
    try trial.answer(.refused(Self.unknown))
    trial.pass(.seconds(2))
    trial.send(.retryRequested)
    #expect(trial.asking == Self.new.id)
  }

  @Test func `an unproven key that STS refuses makes room for the next at once`() throws {
    var trial = working()
    trial.send(.refused(Self.old, Self.unknown))
    trial.send(.found(Self.new))
    try trial.answer(.refused(Self.wrongSecret))
    #expect(trial.current?.refusal?.failure == Self.wrongSecret)
    let third = Self.key("LTAIthirdthirdth", "third-secret")
    trial.send(.found(third))
    #expect(trial.signer == third.id)
  }

  /// RAM didn't know the new key yet; it stayed refused, and its roles waited, until one of them tried by itself.
  @Test func `a key that STS accepts after all is no longer refused, and its change is announced`() throws {
    var trial = working()
    trial.send(.refused(Self.old, Self.unknown))
    trial.send(.found(Self.new))
    try trial.answer(.refused(Self.unknown))
    #expect(trial.current?.refusal?.failure == Self.unknown)
    let changes = trial.changes
    while trial.asking == nil { try trial.waitForTimer() }
    try trial.answer(.granted(Self.bot))
    #expect(trial.signer == Self.new.id && trial.current?.refusal == nil && trial.current?.proven != nil)
    #expect(trial.changes == changes + 1)
  }

  @Test func `an owner's answer changes nothing for a key that wasn't refused`() throws {
    var trial = working()
    try trial.waitForTimer()
    let changes = trial.changes
    try trial.answer(.granted(Self.bot))
    #expect(trial.changes == changes)
  }

  @Test func `with a new file the key in force stays, with proof and owner, and one on trial is dropped`()
    throws
  {
    var trial = try proving()
    trial.move()
    #expect(trial.signer == Self.old.id && trial.current?.proven != nil && trial.candidate == nil)
    #expect(trial.asked.isEmpty)
    trial.pass(.seconds(1))
    trial.send(.found(Self.new))
    #expect(trial.asking == Self.new.id && trial.signer == Self.old.id)
    try trial.answer(.granted(Self.other))
    #expect(trial.signer == Self.new.id && trial.reports.contains("otherIdentity"))
  }

  @Test func `a call under way for the old file is made again`() throws {
    var trial = working()
    try trial.waitForTimer()
    #expect(trial.asking == Self.old.id)
    trial.move()
    #expect(trial.asking == Self.old.id)
  }

  /// A key that replaced one whose owner wasn't known yet gave no warning.
  @Test func `the old key's owner is asked before each proof, until it is known`() throws {
    var trial = working()
    try trial.waitForTimer()
    for _ in 0..<8 {
      try trial.answer(.refused(Self.silent))
      try trial.waitForTimer()
    }
    try trial.answer(.refused(Self.silent))
    trial.pass(.seconds(2))
    trial.send(.found(Self.new))
    #expect(trial.asking == Self.old.id)
    try trial.answer(.refused(Self.silent))
    #expect(trial.asking == Self.new.id)
    try trial.answer(.refused(Self.silent))
    // The old key's own inquiry would come much later.
    #expect(try trial.waitForTimer() <= .seconds(1))
    #expect(trial.asking == Self.old.id)
    try trial.answer(.granted(Self.bot))
    while trial.asking == nil { try trial.waitForTimer() }
    try trial.answer(.granted(Self.other))
    #expect(trial.reports.contains("otherIdentity") && !trial.reports.contains("identityNotCompared"))
  }

  @Test func `a new key is used even if the old one's owner stays unknown, and that is logged`() throws {
    var trial = working()
    trial.send(.found(Self.new))
    try trial.answer(.refused(Self.silent))
    try trial.answer(.granted(Self.bot))
    #expect(trial.signer == Self.new.id && trial.reports.contains("identityNotCompared"))
    // Not again for the next one, whose predecessor's owner is known.
    trial.pass(.seconds(2))
    trial.send(.found(Self.key("LTAIthirdthirdth", "third-secret")))
    try trial.answer(.granted(Self.bot))
    #expect(trial.reports.count { $0 == "identityNotCompared" } == 1)
  }

  @Test func `an unproven key's owner, once known, is reported as not compared`() throws {
    var trial = working()
    trial.send(.refused(Self.old, Self.unknown))
    trial.send(.found(Self.new))
    #expect(!trial.reports.contains("identityNotCompared"))
    try trial.answer(.granted(Self.bot))
    #expect(trial.reports.contains("identityNotCompared"))
  }

  @Test func `an id is whole only once STS has accepted the key`() throws {
    var trial = Trial()
    trial.send(.found(Self.old))
    #expect(trial.current?.shownID == "LTAI…dold")
    trial.send(.accepted(Self.old))
    #expect(trial.current?.shownID == Self.old.id)
  }

  @Test func `a text that isn't an id isn't shown, and of a short id only its beginning`() {
    #expect(Self.key("MarkedSecretMarkedSecretMarked", "x").maskedID == nil)
    #expect(Self.key("LTAIabcd", "x").maskedID == "LTAI…")
    #expect(Self.key("ltaiabcdefghijkl", "x").maskedID == nil)
  }
}
