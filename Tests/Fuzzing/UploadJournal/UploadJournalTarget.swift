import FuzzSupport

@testable import Upload

/// A journal: the input as it is, and again with the right checksum on each line, without which no mutation would get past it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let input = UnsafeBufferPointer(start: data, count: size)
  var chance = Chance(of: input)
  check(Array(input), &chance)
  check(sealed(Array(input)), &chance)
  return 0
}

/// Each line that ends in a brace, with its checksum.
private func sealed(_ text: [UInt8]) -> [UInt8] {
  var result: [UInt8] = []
  for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
    var line = Array(line)
    if line.last == UInt8(ascii: "}"), line.count > 1 {
      line.removeLast()
      JournalLine.seal(&line, from: 0)
    } else {
      line.append(UInt8(ascii: "\n"))
    }
    result += line
  }
  return result
}

private func read(_ bytes: [UInt8]) -> Result<JournalReplay, JournalError> {
  Result { () throws(JournalError) in try JournalReplay.read(MemoryFile(bytes), path: "journal") }
}

private func check(_ bytes: [UInt8], _ chance: inout Chance) {
  switch read(bytes) {
  case .failure(let error):
    require(!error.description.isEmpty && !error.description.contains("\n"), "a message that isn't one line: \(error)")
  case .success(let replay):
    check(replay, of: bytes)
    checkPrefix(of: bytes, replay, &chance)
  }
}

private func check(_ replay: JournalReplay, of bytes: [UInt8]) {
  require((0...bytes.count).contains(Int(replay.end)), "more is kept than there is")
  let kept = Array(bytes[..<Int(replay.end)])
  require(kept.isEmpty || kept.last == UInt8(ascii: "\n"), "half a line is kept")
  guard case .success(let again) = read(kept) else { return require(false, "what was kept is refused") }
  require(again.end == replay.end && again.state == replay.state, "what was kept is another journal")

  for line in kept.split(separator: UInt8(ascii: "\n")).map(Array.init) {
    guard JournalLine.isWhole(line.span), let reading = JournalLine.read(line.span) else {
      return require(false, "a line is kept that isn't whole")
    }
    var one: [UInt8] = []
    reading.line.write(to: &one, synced: reading.synced)
    one.removeLast()
    require(
      JournalLine.isWhole(one.span) && JournalLine.read(one.span) == reading,
      "a record isn't the same when written again")
  }
  for (file, upload) in replay.state.uploads {
    require(replay.state.entries.indices.contains(file), "an upload of no file")
    let numbers = upload.parts.map(\.number)
    require(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }, "parts out of order")
  }
}

/// A journal that ends earlier is one with fewer records, or is known to lack some.
private func checkPrefix(of bytes: [UInt8], _ replay: JournalReplay, _ chance: inout Chance) {
  // Half a header is known by what it looks like today.
  guard let header = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return }
  let length = Int.random(in: (header + 1)...bytes.count, using: &chance)
  switch read(Array(bytes[..<length])) {
  case .success(let shorter):
    require(shorter.end <= replay.end, "a shorter journal has more")
    require(shorter.state.entries.count <= replay.state.entries.count, "a shorter journal has more files")
  case .failure(.damaged): require(replay.synced > 0, "a torn end is damage")
  case .failure(let error): require(false, "a torn end is refused: \(error)")
  }
}
