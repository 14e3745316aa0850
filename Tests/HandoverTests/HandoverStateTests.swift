import Core
import Handover
import Refresh
import Settings
import TestSupport
import Testing

@Suite struct HandoverStateTests {
  private func read(_ bytes: [UInt8], boot: BootID = Samples.boot) throws -> HandoverState {
    try HandoverState(reading: bytes.span, boot: boot)
  }

  /// The reason why the store can't be read; nil if it can.
  private func defect(_ bytes: [UInt8], boot: BootID = Samples.boot) -> StoreDefect? {
    do throws(StoreDefect) {
      _ = try HandoverState(reading: bytes.span, boot: boot)
      return nil
    } catch { return error }
  }

  @Test func `recorded content reads back`() throws {
    let read = try read(Samples.image().bytes)
    #expect(read.text == Samples.state(of: Samples.records).text)
    #expect(read.text.contains("secret-uploader2"))
  }

  @Test func `a later record replaces an earlier one about the same thing`() throws {
    let state = try read(Samples.image().bytes)
    let uploader = try #require(state.roles[Samples.name("uploader")])
    #expect(uploader.role.rotation.generation == 8 && uploader.role.origin.externalID == "é")
    #expect(uploader.sessions.map(\.number) == [2])
    #expect(state.roles[Samples.name("reports")]?.sessions.map(\.number) == [4])
    #expect(state.roles[Samples.name("gone")] == nil && state.removedGenerations == [Samples.name("gone"): 12])
    #expect(state.generationFloor == 3 && state.clock?.isFromServer == true)
    #expect(state.proofs["main"]?.arn == "acs:ram::1:user/keeper")
    let shards = try #require(state.shards[Samples.name("uploader")])
    #expect(shards.keys.sorted() == [3] && shards[3]?.role.rotation.generation == 8)
    #expect(shards[3]?.sessions.map(\.number) == [7])
  }

  /// The next number was beyond the largest, which ended the daemon.
  @Test func `a number that leaves no room to count on isn't read`() {
    let (name, unit) = (Samples.name("uploader"), UnitName("app.service")!)
    func rotation(_ generation: UInt64, issued: UInt64 = 1) -> HandoverRecord {
      .rotation(HandoverRotation(role: name, generation: generation, held: [], published: nil, issued: issued))
    }
    func records(_ number: UInt64) -> [HandoverRecord] {
      [
        .generationFloor(number), .roleRemoved(name, generation: number), .reloadDue(name, generation: number),
        .unitReloaded(name, generation: number, unit), rotation(number), rotation(1, issued: number),
        .ofShard(3, rotation(number)), .ofShard(3, .roleRemoved(name, generation: number)),
        .unitSession(Samples.unitSession("app.service", "i", Samples.session("uploader", 1), generation: number)),
      ]
    }
    for number in [1 << 62, UInt64.max] {
      for record in records(number) {
        #expect(defect(Samples.image(of: [record]).bytes) == .recordUnknown(at: StoreHeader.size), "\(record)")
      }
    }
    #expect(defect(Samples.image(of: records(1 << 62 - 1)).bytes) == nil)
  }

  @Test func `a record of a shard holds no more than what shards have`() {
    let others: [HandoverRecord] = [
      .generationFloor(1), .reloadOver(Samples.name("uploader")), .ofShard(1, .generationFloor(1)),
    ]
    for record in others {
      #expect(defect(Samples.image(of: [.ofShard(3, record)]).bytes) == .recordUnknown(at: StoreHeader.size))
    }
  }

  @Test func `a condemned session never returns, in whatever order it is recorded`() {
    let condemned = HandoverRecord.condemned(accessKeyID: "STS.uploader1", expiration: UTCTime(seconds: 2))
    let records: [HandoverRecord] = [
      .role(Samples.role("uploader")), condemned, .session(Samples.session("uploader", 1)),
      .session(Samples.session("uploader", 2)),
    ]
    #expect(Samples.state(of: records).roles[Samples.name("uploader")]?.sessions.map(\.number) == [2])
  }

  @Test func `a unit has what its latest invocation had, without what was condemned or is of a role that is gone`()
    throws
  {
    let state = try read(Samples.image().bytes)
    let app = try #require(state.units[UnitName("app.service")!])
    #expect(app.invocation == "i1" && app.sessions.values.map(\.session.accessKeyID) == ["STS.uploader1"])
    let job = try #require(state.units[UnitName("job@1.service")!])
    #expect(job.invocation == "j2" && job.sessions.values.map(\.session.accessKeyID) == ["STS.uploader2"])
    #expect(job.sessions[Samples.name("uploader")]?.generation == 7)
    let condemned = HandoverRecord.condemned(accessKeyID: "STS.uploader2", expiration: UTCTime(seconds: 2))
    let later = Samples.state(of: Samples.records + [condemned])
    #expect(later.units[UnitName("job@1.service")!]?.sessions.isEmpty == true)
    let again = HandoverRecord.unitSession(Samples.unitSession("job@1.service", "j2", Samples.session("uploader", 2)))
    #expect(
      Samples.state(of: Samples.records + [condemned, again]).units[UnitName("job@1.service")!]?.sessions.isEmpty
        == true)
  }

  @Test func `reloads of services are due until they are done, or their role is gone`() {
    let uploader = RoleName("uploader")!
    let app = UnitName("app.service")!
    #expect(Samples.state(of: Samples.records).unitReloads == [uploader: UnitReload(generation: 7, done: [app])])
    let gone = HandoverRecord.roleRemoved(uploader, generation: 7)
    #expect(Samples.state(of: Samples.records + [gone]).unitReloads == [:])
  }

  @Test func `a role has the sessions that its latest record names, in that order`() {
    let records: [HandoverRecord] = [
      .session(Samples.session("uploader", 9)), .role(Samples.role("uploader", held: [3, 1, 2])),
      .session(Samples.session("uploader", 1)), .session(Samples.session("uploader", 2)),
      .session(Samples.session("uploader", 3)), .session(Samples.session("uploader", 4)),
    ]
    let name = Samples.name("uploader")
    #expect(Samples.state(of: records).roles[name]?.sessions.map(\.number) == [3, 1, 2])
    let later = records + [.role(Samples.role("uploader", held: [2, 3]))]
    #expect(Samples.state(of: later).roles[name]?.sessions.map(\.number) == [2, 3])
  }

  @Test func `a rotation changes a role in the store, and is ignored for any other`() {
    let name = Samples.name("uploader")
    let rotation = HandoverRecord.rotation(Samples.role("uploader", generation: 9, held: [2], published: 2).rotation)
    #expect(Samples.state(of: [rotation, .session(Samples.session("uploader", 2))]).roles.isEmpty)
    let before = Samples.role("uploader", digest: "ab")
    let state = Samples.state(of: [.role(before), .session(Samples.session("uploader", 2)), rotation])
    #expect(state.roles[name]?.role.origin == before.origin)
    #expect(state.roles[name]?.role.rotation.generation == 9 && state.roles[name]?.sessions.count == 1)
    let removed: [HandoverRecord] = [.role(before), .roleRemoved(name, generation: 12), rotation]
    #expect(Samples.state(of: removed).roles.isEmpty && Samples.state(of: removed).removedGenerations == [name: 12])
  }

  @Test func `incomplete settings leave the previous ones in force`() throws {
    let state = try read(Samples.image().bytes)
    #expect(state.settings?.files.map(\.bytes) == [Array("[roles.é]\n".utf8)])
    let records = Samples.records + [.settingsInForce(number: 2, records: 2)]
    #expect(Samples.state(of: records).settings == state.settings, "one of its two records is missing")
    let whole = Samples.records + [.settingsInForce(number: 2, records: 1)]
    #expect(Samples.state(of: whole).settings?.files.map(\.bytes) == [[]])
  }

  // MARK: - Killed while appending

  /// The process was killed while it appended: after the committed length there is half a record.
  @Test func `if an append is cut off anywhere, all earlier records remain`() throws {
    let (whole, ends) = Samples.image()
    for (index, end) in ends.enumerated() {
      let expected = Samples.state(of: Samples.records.prefix(index + 1)).text
      let next = index + 1 < ends.count ? ends[index + 1] : end
      for cut in end...next {
        var bytes = Array(whole.prefix(cut)) + [UInt8](repeating: 0, count: whole.count - cut)
        Samples.commit(end, in: &bytes)
        #expect(try read(bytes).text == expected, "cut at \(cut), committed \(end)")
      }
    }
  }

  @Test func `damage after the committed length is ignored`() throws {
    var bytes = Samples.image().bytes
    bytes += [0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3]
    #expect(try read(bytes).text == Samples.state(of: Samples.records).text)
  }

  // MARK: - Damage

  @Test func `a store cut off anywhere before its end isn't used at all`() {
    let whole = Samples.image().bytes
    for count in whole.indices {
      let expected = count < StoreHeader.size ? StoreDefect.notAStore : .cutOff(whole.count, there: count)
      #expect(defect(Array(whole.prefix(count))) == expected, "cut at \(count)")
    }
  }

  @Test(arguments: [0x01, 0x80, 0xFF] as [UInt8])
  func `a store with any changed byte isn't used at all`(mask: UInt8) {
    let whole = Samples.image().bytes
    for place in whole.indices {
      var bytes = whole
      bytes[place] ^= mask
      #expect(defect(bytes) != nil, "byte \(place)")
    }
  }

  @Test func `the reason names the place of the damage`() {
    let (whole, ends) = Samples.image()
    var bytes = whole
    bytes[ends[3] + 20] ^= 1
    #expect(defect(bytes) == .recordDamaged(at: ends[3]))
    #expect(StoreDefect.recordDamaged(at: 7).description == "it is damaged at byte 7")
  }

  @Test func `a store of another format or boot isn't used`() {
    #expect(defect(Samples.image(version: 1).bytes) == .otherVersion(1))
    let other = BootID("00000000000000000000000000000001")!
    #expect(defect(Samples.image().bytes, boot: other) == .otherBoot)
    #expect(defect([]) == .notAStore)
  }

  @Test func `a header without a commit isn't a store`() {
    #expect(defect(StoreHeader.bytes(of: Samples.boot)) == .headerDamaged)
  }

  // MARK: - The boot's id

  @Test func `a boot ID is read in the kernel's form and in systemd's`() {
    let kernel = BootID("1e8db4a0-6d62-4b3f-9d0f-0a5b6c7d8e9f")
    #expect(kernel != nil && kernel == BootID("1E8DB4A06D624B3F9D0F0A5B6C7D8E9F"))
    for text in ["", "1e8d", "1e8db4a06d624b3f9d0f0a5b6c7d8e9g", "+e8db4a06d624b3f9d0f0a5b6c7d8e9f", "%b"] {
      #expect(BootID(text) == nil, "\(text)")
    }
  }
}
