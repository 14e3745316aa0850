import Core
import FuzzSupport
import Handover
import Refresh
import Secrets

/// A store: the input as it is, and again as the contents of records, each with its right head, in a store of its own. Without that no
/// mutation would get past the checksums.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: data, count: size))
  _ = read(input)
  let (store, ends) = sealed(input)
  check(store, ends)
  return 0
}

private let boot = BootID("00112233445566778899aabbccddeeff")!

private func read(_ bytes: [UInt8]) -> Result<HandoverState, StoreDefect> {
  Result { () throws(StoreDefect) in try HandoverState(reading: bytes.span, boot: boot) }
}

/// The input is a list of records: a byte for the kind, two for the count, and the content.
private func sealed(_ input: [UInt8]) -> (store: [UInt8], ends: [Int]) {
  var store = StoreHeader.bytes(of: boot)
  var ends: [Int] = []
  var rest = input[...]
  while rest.count >= 3 {
    let kind = rest.popFirst()!
    let count = min(Int(rest.popFirst()!) | Int(rest.popFirst()!) << 8, rest.count)
    let content = Array(rest.prefix(count))
    rest = rest.dropFirst(count)
    var record: [UInt8] = []
    append(UInt32(content.count), to: &record)
    record += [kind % 17, 0, 0, 0]
    append(CRC32C.checksum(of: (record + content).span), to: &record)
    store += record + content
    ends.append(store.count)
  }
  commit(store.count, in: &store)
  return (store, ends)
}

private func append(_ number: UInt32, to bytes: inout [UInt8]) {
  for byte in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: number >> UInt32(8 * byte))) }
}

private func commit(_ length: Int, in store: inout [UInt8]) {
  let word = StoreHeader.commitWord(length)
  for byte in 0..<8 { store[StoreHeader.commitPlace + byte] = UInt8(truncatingIfNeeded: word >> UInt64(8 * byte)) }
}

private func check(_ store: [UInt8], _ ends: [Int]) {
  switch read(store) {
  case .failure(.recordUnknown(let place)):
    require(place == StoreHeader.size || ends.contains(place), "the unreadable record isn't one of the records")
    // All before it are records that this build writes.
    var shorter = store
    commit(place, in: &shorter)
    guard case .success = read(shorter) else { return require(false, "a record is read or not, depending on the next") }
  case .failure(let defect): require(false, "a store with right checksums is refused: \(defect)")
  case .success(let state):
    for (name, role) in state.roles {
      require(role.role.name == name, "a role under another name")
      require(state.removedGenerations[name] == nil, "a role is there and removed")
      let numbers = role.sessions.map(\.number)
      require(Set(numbers).count == numbers.count, "a session twice")
      require(Set(numbers).isSubset(of: role.role.rotation.held), "a session that the role doesn't name")
      for session in role.sessions {
        require(session.role == name, "a session of another role")
        require(state.condemned[session.accessKeyID] == nil, "a condemned session")
        checkRoundTrip(.session(session))
      }
      checkRoundTrip(.role(role.role))
    }
    for (name, unit) in state.units {
      for (role, one) in unit.sessions {
        require(one.unit == name && one.invocation == unit.invocation, "a session of another unit or invocation")
        require(one.session.role == role, "a unit's session of another role")
        require(state.condemned[one.session.accessKeyID] == nil, "a condemned session of a unit")
        checkRoundTrip(.unitSession(one))
      }
    }
    for proof in state.proofs.values { checkRoundTrip(.proof(proof)) }
    for (name, reload) in state.unitReloads {
      checkRoundTrip(.reloadDue(name, generation: reload.generation))
    }
  }
}

/// What was read is the same when it is written and read again.
private func checkRoundTrip(_ record: HandoverRecord) {
  func bytes(_ record: HandoverRecord) -> [UInt8] {
    var batch = SecretBuffer()
    RecordCoding.append(record, to: &batch)
    return batch.withBytes { batch in batch.indices.map { batch[$0] } }
  }
  let first = bytes(record)
  var store = StoreHeader.bytes(of: boot)
  var name: RoleName?
  if case .session(let session) = record {
    name = session.role
    store += bytes(.role(role(session.role, holding: session.number)))
  }
  store += first
  commit(store.count, in: &store)
  guard case .success(let state) = read(store) else { return require(false, "what was read can't be read again") }
  let again: HandoverRecord? =
    switch record {
    case .role(let written): state.roles[written.name].map { .role($0.role) }
    case .session: name.flatMap { state.roles[$0]?.sessions.first }.map { .session($0) }
    case .unitSession(let written):
      state.units[written.unit]?.sessions[written.session.role].map { .unitSession($0) }
    case .reloadDue(let name, _):
      state.unitReloads[name].map { .reloadDue(name, generation: $0.generation) }
    case .proof(let written): state.proofs[written.source].map { .proof($0) }
    default: nil
    }
  require(again.map(bytes) == first, "a record isn't the same when written again")
}

private func role(_ name: RoleName, holding number: UInt64) -> HandoverRole {
  HandoverRole(
    origin: HandoverRole.Origin(arn: "", policyDigest: nil, sessionName: "", externalID: nil, source: ""),
    rotation: HandoverRotation(role: name, generation: 0, held: [number], published: nil, issued: 0))
}
