import CloudAPI
import Core
import Testing

@testable import Upload

@Suite struct FileUploadTests {
  private static let small = 200_000
  private static let large = 3_000_000

  private static func options(_ change: (inout FileUpload.Options) -> Void = { _ in }) -> FileUpload.Options {
    var options = FileUpload.Options()
    options.partSize = 300_000
    options.largestPut = 1_000_000
    change(&options)
    return options
  }

  @Test func `a small file is sent in one PUT, after its completion is recorded`() {
    var upload = SimulatedUpload(SimulatedCloud(size: Self.small), options: Self.options())
    #expect(upload.run() == .outcome(.uploaded(.checked)))
    #expect(upload.requests == [.put])
    #expect(upload.cloud.videos.map(\.completions) == [1])
    #expect(upload.progress.ending == .done(.checked))
  }

  @Test func `a large file is sent in parts that cover it exactly once`() {
    var upload = SimulatedUpload(SimulatedCloud(size: Self.large), options: Self.options())
    #expect(upload.run() == .outcome(.uploaded(.checked)))
    #expect(upload.requests.filter { $0 == .initiate }.count == 1)
    let ranges = upload.requests.compactMap { if case .part(_, _, let range) = $0 { range } else { nil } }
    #expect(
      ranges.sorted { $0.lowerBound < $1.lowerBound }.reduce(0) { $1.lowerBound == $0 ? $1.upperBound : -1 }
        == Self.large)
    #expect(upload.cloud.videos.first?.object == SimulatedCloud.crc(of: 0..<Self.large))
  }

  @Test func `an empty file is uploaded`() {
    var upload = SimulatedUpload(SimulatedCloud(size: 0), options: Self.options())
    #expect(upload.run() == .outcome(.uploaded(.checked)))
  }

  @Test func `credentials of a few seconds suffice for a large file with one upload ID and no part twice`() {
    var upload = SimulatedUpload(
      SimulatedCloud(size: Self.large, life: .seconds(6)), options: Self.options { $0.partsAtOnce = 1 })
    upload.secondsPerMegabyte = 8
    #expect(upload.run() == .outcome(.uploaded(.checked)))
    #expect(upload.requests.filter { $0 == .initiate }.count == 1)
    let bytes = upload.requests.reduce(0) { if case .part(_, _, let range) = $1 { $0 + range.count } else { $0 } }
    #expect(bytes == Self.large)
    #expect(upload.cloud.expiredRequests == 0)
    #expect(upload.calls.filter { if case .refresh = $0 { true } else { false } }.count > 2)
  }

  @Test func `with a limited rate, the first parts are also small enough for their credential`() {
    var upload = SimulatedUpload(
      SimulatedCloud(size: Self.large, life: .seconds(6)),
      options: Self.options {
        $0.partSize = Self.large
        $0.expectedRate = 125_000
      })
    upload.secondsPerMegabyte = 8
    #expect(upload.run() == .outcome(.uploaded(.checked)))
    let sizes = upload.requests.compactMap { if case .part(_, _, let range) = $0 { range.count } else { nil } }
    #expect(sizes.allSatisfy { $0 <= 125_000 * 3 } && sizes.reduce(0, +) == Self.large, "\(sizes)")
    #expect(upload.cloud.expiredRequests == 0)
  }

  @Test func `without permission to renew, a short upload works, and a long one ends with the refusal`() {
    var short = SimulatedUpload(
      SimulatedCloud(size: Self.large, rights: .init(refresh: false, mezzanine: false)), options: Self.options())
    #expect(short.run() == .outcome(.uploaded(.checked)))

    var long = SimulatedUpload(
      SimulatedCloud(size: Self.large, life: .seconds(6), rights: .init(refresh: false, mezzanine: false)),
      options: Self.options())
    long.secondsPerMegabyte = 8
    #expect(long.run() == .outcome(.failed(CallFailure(.denied, code: "denied"))))
    #expect(long.cloud.videos.count == 1)
  }

  @Test func `without an answer the completion is retried with the same credential, and then VOD is asked`() {
    var cloud = SimulatedCloud(size: Self.small)
    cloud.chances.lostAfter = 1000
    var upload = SimulatedUpload(cloud, options: Self.options())
    // Killed once the PUT was sent.
    while !upload.requests.contains(.put) {
      upload.cloud.chances.lostAfter = upload.progress.isCompleting ? 1000 : 0
      #expect(upload.run(killedAfter: 6) != .stuck)
    }
    upload.cloud.chances.lostAfter = 0
    #expect(upload.run() == .outcome(.uploaded(.confirmed)) || upload.progress.ending == .done(.checked))
    #expect(upload.cloud.overwritingGrants == 0)
    #expect(upload.cloud.videos.count == 1)
  }

  @Test func `before an unconfirmed file is completed again, VOD is asked`() {
    let cloud = SimulatedCloud(size: Self.small, rights: .init(refresh: true, mezzanine: false))
    var upload = SimulatedUpload(cloud, options: Self.options())
    for steps in 1..<20 where !upload.progress.isCompleting || upload.progress.ending != nil {
      upload = SimulatedUpload(cloud, options: Self.options())
      _ = upload.run(killedAfter: steps)
    }
    // The PUT of the next run is carried out, and its answer lost.
    upload.cloud.chances.lostAfter = 1000
    upload.options.retriesUnconfirmed = true
    _ = upload.run()
    upload.options.retriesUnconfirmed = false
    upload.cloud.chances.lostAfter = 0
    guard case .outcome(.notConfirmed) = upload.run() else { return #expect(Bool(false), "\(upload.progress)") }
    upload.cloud.chances.lostAfter = 0
    upload.cloud.rights.mezzanine = true
    upload.options.retriesUnconfirmed = true
    #expect(upload.run() == .outcome(.uploaded(.confirmed)))
    #expect(upload.cloud.overwritingGrants == 0)
  }

  @Test func `a call whose nonce was used may have been carried out`() {
    let refusal = VODFailure(.nonceUsed, code: "SignatureNonceUsed", httpStatus: 400, remedy: "")
    let failure = CallFailure(refusal, action: "CreateUploadVideo")
    #expect(failure.mayHaveHappened)
  }

  /// Once under another upload id, so that the parts of the first stayed behind.
  @Test func `parts that OSS has otherwise than recorded are sent again with the same upload ID`() {
    var completions = 0
    for seed in 0..<10 as Range<UInt64> {
      var upload = SimulatedUpload(
        SimulatedCloud(size: Self.large, chances: .init(losesPart: 40)), options: Self.options { $0.tries = 100 },
        seed: seed)
      #expect(upload.run() == .outcome(.uploaded(.checked)))
      completions += upload.requests.count { if case .complete = $0 { true } else { false } }
      #expect(upload.requests.count { $0 == .initiate } == 1)
      #expect(upload.cloud.videos.first?.object == SimulatedCloud.crc(of: 0..<Self.large))
    }
    #expect(completions > 10)
  }

  @Test func `after a refused create, no video is searched for`() {
    var upload = SimulatedUpload(
      SimulatedCloud(size: Self.small, rights: .init(refresh: false, mezzanine: false)), options: Self.options())
    upload.cloud.chances.unreached = 1000
    guard case .outcome(.failed) = upload.run() else { return #expect(Bool(false), "nothing was reached") }
    #expect(upload.progress.referenceID == nil)
    upload.cloud.chances.unreached = 0
    #expect(upload.run() == .outcome(.uploaded(.checked)))
  }

  struct Case: CustomTestStringConvertible {
    let name: String
    var size = 3_000_000
    var life = Duration.seconds(3000)
    var chances = SimulatedCloud.Chances()
    var rights = SimulatedCloud.Rights()
    var mayBeUnconfirmed = false
    var testDescription: String { name }

    static let all = [
      Case(name: "nothing fails"),
      Case(name: "a PUT, answers lost", size: 150_000, chances: .init(lostBefore: 60, lostAfter: 60)),
      Case(
        name: "a PUT, answers lost until its credential lapses", size: 150_000, life: .seconds(4),
        chances: .init(lostBefore: 100, lostAfter: 500)),
      Case(
        name: "Complete, answers lost until its credential lapses", life: .seconds(8), chances: .init(lostAfter: 300)),
      Case(name: "parts, answers lost", chances: .init(lostBefore: 60, lostAfter: 60)),
      Case(name: "throttled and unreached", chances: .init(unreached: 80, throttled: 150)),
      Case(name: "short lives", life: .seconds(5), chances: .init(lostBefore: 20, lostAfter: 20, keyUnknown: 300)),
      Case(name: "damaged parts", chances: .init(lostAfter: 20, damagedPart: 50)),
      Case(name: "lost parts", chances: .init(lostAfter: 10, losesPart: 30)),
      Case(name: "forgotten uploads", chances: .init(lostAfter: 10, forgetsUpload: 15), mayBeUnconfirmed: true),
      Case(
        name: "two rights", chances: .init(lostBefore: 40, lostAfter: 40),
        rights: .init(refresh: true, mezzanine: false),
        mayBeUnconfirmed: true),
      Case(
        name: "one right", size: 150_000, chances: .init(lostBefore: 20, lostAfter: 20),
        rights: .init(refresh: false, mezzanine: false), mayBeUnconfirmed: true),
    ]
  }

  @Test(arguments: Case.all)
  func `however often the run is killed, each file becomes one complete video that is never overwritten`(_ row: Case) {
    for seed in 0..<60 as Range<UInt64> {
      var upload = SimulatedUpload(
        SimulatedCloud(size: row.size, life: row.life, chances: row.chances, rights: row.rights),
        options: Self.options(), seed: seed)
      upload.cloud.refusesRepeatedReference = seed % 2 == 0
      var end = SimulatedUpload.End.killed
      for _ in 0..<12 where end == .killed { end = upload.run(killedAfter: .random(in: 0...25, using: &upload.chance)) }
      // Whatever goes on failing ends at some time.
      upload.cloud.chances = SimulatedCloud.Chances()
      for _ in 0..<3 {
        if case .outcome(.uploaded) = end { break }
        end = upload.run()
      }
      #expect(upload.cloud.overwritingGrants == 0, "seed \(seed)")
      #expect(upload.cloud.videos.count <= 1, "seed \(seed)")
      switch end {
      case .outcome(.uploaded):
        #expect(upload.cloud.videos.first?.object == SimulatedCloud.crc(of: 0..<row.size), "seed \(seed)")
      case .outcome(.notConfirmed): #expect(row.mayBeUnconfirmed, "seed \(seed)")
      // A run that takes up a video has no credential for it without that right.
      case .outcome(.failed(let failure)) where failure.kind == .denied:
        #expect(!row.rights.refresh, "seed \(seed)")
      default: Issue.record("seed \(seed): \(end)")
      }
    }
  }

  /// GetMezzanineInfo isn't allowed, so nobody says that the video is finished. It was overwritten.
  @Test(arguments: [small, large])
  func `a copy of the journal from before the end, whatever it lacks, has no finished video overwritten`(_ size: Int) {
    for seed in 0..<20 as Range<UInt64> {
      var upload = SimulatedUpload(
        SimulatedCloud(size: size, rights: .init(refresh: true, mezzanine: false)), options: Self.options(), seed: seed)
      #expect(upload.run() == .outcome(.uploaded(.checked)))
      // The first is the ReferenceId, without which there is nothing to find the video by.
      for count in 1..<upload.journal.count {
        var copy = upload
        copy.goBack(to: count)
        guard case .outcome(.notConfirmed) = copy.run() else { return #expect(Bool(false), "seed \(seed): \(count)") }
        #expect(copy.cloud.videos.map(\.completions) == [1], "seed \(seed): \(count)")
      }
    }
  }
}
