import TestSupport
import Testing

/// README's tables of symptoms quote lines of the log, and whoever sees one searches for it there.
@Suite struct QuotedPhrasesTests {
  private static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

  @Test(arguments: [
    "AccessKey file can't be watched",
    "CA file can't be used, keeping the previous certificates",
    "CA file can't be used, refreshes fail until it can be read",
    "STS no longer accepts this session",
    "a fallback endpoint of STS answers",
    "a file that the settings no longer name was changed by somebody else, so it isn't removed",
    "accept flood: one user opens connections faster than they can be accepted",
    "credential file not written yet, its disk doesn't respond",
    "credential file not written yet, waiting for other files to be written",
    "credential file that the settings no longer name stays until its session expires",
    "credential file was changed by somebody else",
    "credential files that the settings no longer name stay",
    "directory of credential files was changed by somebody else",
    "file not written",
    "generation numbers are saved again",
    "generation numbers not saved",
    "has no recorded expiration",
    "it isn't known whether it belongs to the same identity",
    "left by an earlier process didn't match the settings",
    "may be lower",
    "new AccessKey refused",
    "no machine of the tier answers",
    "no permission to reload a unit for a new credential",
    "no AccessKey, exiting",
    "removed a credential file that doesn't match the new settings",
    "removed a credential file whose session STS refuses",
    "request refused",
    "saved generation numbers can't be read",
    "settings not reloaded",
    "sessions can't be handed over to the next process",
    "sessions of the process before can't be used",
    "some secrets aren't locked in memory",
    "the home region of STS fails or throttles",
    "the settings can't be used; going on with those that were last in force",
    "the socket was deleted or replaced",
    "the tier can't hold the role's floor",
    "the tier gives this host no sessions",
    "the tier's certificate isn't accepted",
    "the tier isn't asked, since files of this host can't be used",
    "unit not reloaded for a new credential",
    "unit not reloaded for a new credential in time",
    "can't ask systemd which units to reload",
  ])
  func `a phrase that README quotes is one that the daemon logs`(phrase: String) throws {
    let rows = try #require(FileText.read("\(Self.root)/README.md")).split(separator: "\n").filter { $0.hasPrefix("|") }
    #expect(rows.contains { $0.contains("`\(phrase)`") }, "README: \(phrase)")
    let events = try #require(FileText.read("\(Self.root)/Sources/Logs/LogEvent.swift"))
    #expect(events.contains(phrase), "LogEvent: \(phrase)")
  }
}
