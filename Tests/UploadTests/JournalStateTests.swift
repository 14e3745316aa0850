import TestSupport
import Testing

@testable import Upload

/// Which record takes back what is known of a file: each is put behind each state.
@Suite struct JournalStateTests {
  /// What a run has to know of those before it.
  private struct Known: Equatable, CustomStringConvertible {
    var reference = false
    var video = false
    var upload = false
    var completing = false
    var outcome: JournalState.Outcome?

    init(_ state: JournalState) {
      let entry = state.entries[0]
      (reference, video, upload) = (entry.hasReference, entry.hasVideo, state.uploads[0] != nil)
      (completing, outcome) = (entry.completing != nil, entry.outcome)
    }

    /// Such as `rv-c damaged`.
    var description: String {
      let facts = [(reference, "r"), (video, "v"), (upload, "u"), (completing, "c")].map { $0 ? $1 : "-" }.joined()
      return outcome.map { "\(facts) \($0)" } ?? facts
    }
  }

  private static let letters: [Character: JournalRecord] = [
    "r": .reference(0, referenceID: "rk-1"), "v": .video(0, Samples.video(0)), "u": .upload(0, uploadID: "U", unit: 1),
    "p": .part(0, Samples.part(1)), "0": .restarted(0), "c": .completing(0, .multipart), "n": .refused(0),
    "d": .done(0, .checked), "?": .unconfirmed(0, reason: "lost"), "x": .damaged(0, reason: "CRC"),
    "f": .failed(0, code: "Denied"), "~": .changed(0), "m": .moved(0, Samples.file("b.mp4")),
  ]

  /// nil when the records can't follow each other.
  private static func known(after records: String) throws -> String? {
    var state = JournalState()
    #expect(state.apply(.file(0, Samples.file("a.mp4")), at: 1) == nil)
    for (place, letter) in records.enumerated() {
      let before = state
      guard state.apply(try #require(letters[letter]), at: Int64(place + 2)) == nil else {
        #expect(state == before)
        return nil
      }
    }
    return Known(state).description
  }

  /// A state, and what it is after each record; nil where that can't follow.
  private static let rows: [(state: String, after: [Character: String?])] = [
    (
      "",
      [
        "r": "r---", "v": "-v--", "u": nil, "p": nil, "0": "----", "c": nil, "n": "----", "d": nil,
        "?": "---- unconfirmed", "x": "---- damaged", "f": "---- failed", "~": "---- changed", "m": "----",
      ]
    ),
    (
      "r",
      [
        "r": nil, "v": "rv--", "u": nil, "p": nil, "0": "r---", "c": nil, "n": "----", "d": nil,
        "?": "r--- unconfirmed", "x": "r--- damaged", "f": "r--- failed", "~": "r--- changed", "m": "r---",
      ]
    ),
    (
      "r?",
      [
        "r": nil, "v": "rv--", "u": nil, "p": nil, "0": "r--- unconfirmed", "c": nil, "n": "----", "d": nil,
        "?": "r--- unconfirmed", "x": "r--- damaged", "f": "r--- unconfirmed", "~": "r--- unconfirmed",
        "m": "r--- unconfirmed",
      ]
    ),
    (
      "rvup",
      [
        "r": nil, "v": "rv--", "u": "rvu-", "p": "rvu-", "0": "rv--", "c": "rvuc", "n": "rvu-", "d": "rv-- done",
        "?": "rvu- unconfirmed", "x": "rv-- damaged", "f": "rvu- failed", "~": "rvu- changed", "m": "rvu-",
      ]
    ),
    (
      "rvupc",
      [
        "r": nil, "v": "rv-c", "u": "rvuc", "p": "rvuc", "0": "rv-c", "c": "rvuc", "n": "rvu-", "d": "rv-- done",
        "?": "rvuc unconfirmed", "x": "rv-- damaged", "f": "rvuc failed", "~": "rvuc changed", "m": "rvuc",
      ]
    ),
    (
      "rvupc?",
      [
        "r": nil, "v": "rv-c unconfirmed", "u": "rvuc unconfirmed", "p": "rvuc unconfirmed", "0": "rv-c unconfirmed",
        "c": "rvuc unconfirmed", "n": "rvu-", "d": "rv-- done", "?": "rvuc unconfirmed", "x": "rv-- damaged",
        "f": "rvuc unconfirmed", "~": "rvuc unconfirmed", "m": "rvuc unconfirmed",
      ]
    ),
    (
      "rvc~",
      [
        "r": nil, "v": "rv-c", "u": "rvuc", "p": nil, "0": "rv-c", "c": "rv-c", "n": "rv--", "d": "rv-- done",
        "?": "rv-c unconfirmed", "x": "rv-- damaged", "f": "rv-c failed", "~": "rv-c changed", "m": "rv-c changed",
      ]
    ),
    (
      "rvcx",
      [
        "r": nil, "v": "rv-- damaged", "u": "rv-- damaged", "p": nil, "0": "rv-- damaged", "c": "rv-- damaged",
        "n": "rv-- damaged", "d": "rv-- damaged", "?": "rv-- damaged", "x": "rv-- damaged", "f": "rv-- damaged",
        "~": "rv-- damaged", "m": "rv-- damaged",
      ]
    ),
    (
      "rvcd",
      [
        "r": nil, "v": nil, "u": nil, "p": nil, "0": nil, "c": nil, "n": nil, "d": nil, "?": nil, "x": nil, "f": nil,
        "~": "rv-- done", "m": "rv-- done",
      ]
    ),
  ]

  @Test func `what is known of a file stays until a record takes it back`() throws {
    for row in Self.rows {
      #expect(row.after.count == Self.letters.count)
      for (letter, expected) in row.after {
        #expect(try Self.known(after: row.state + String(letter)) == expected, "\(row.state) \(letter)")
      }
    }
  }

  /// It was confirmed by VOD after it had been touched and back, since VOD has the object that isn't the file.
  @Test func `an object that is damaged stays so, with its reason, whatever is written behind it`() throws {
    let journal = try BatchJournal(FakeJournalFile(), path: "j", on: VirtualScheduler())
    _ = journal.begin(Samples.file("a.mp4"))
    for letter in "rvcx~fcdn" { journal.append(try #require(Self.letters[letter])) }
    #expect(try journal.state(of: 0).outcome == .damaged(reason: "CRC"))
  }
}
