import Core
import TestSupport
import Testing
import Upload

@testable import vod_upload

@Suite struct ProgressOutputTests {
  private let scheduler = VirtualScheduler()
  private let pipe: PipeEnds
  private let queue: OutputQueue

  init() throws {
    pipe = try PipeEnds()
    queue = try OutputQueue(pipe.writing, scheduler: scheduler)
  }

  private func output(json: Bool = false, on terminal: Terminal? = nil) throws -> ProgressOutput {
    try ProgressOutput(queue, json: json, files: 1, size: 100, on: terminal, scheduler: scheduler)
  }

  @Test func `while nobody reads, only progress events are dropped`() throws {
    let output = try output(json: true)
    scheduler.callsHang = true
    output.take(.started(file: 0, path: "a.mp4", size: 100))
    while !output.isFull { output.take(.note(String(repeating: "x", count: 10_000))) }
    scheduler.advance(by: .seconds(5))
    let before = queue.isBusy
    output.take(.progress(file: 0, bytes: 50))
    output.take(.refreshed(file: 0, requestID: "R1"))
    scheduler.callsHang = false
    scheduler.advance(by: .seconds(1))
    let text = pipe.read()
    #expect(before && !output.isFull)
    #expect(!text.contains("\"progress\"") && text.contains("\"refreshed\""))
  }

  @Test func `a stopped terminal gets the present state when it continues`() throws {
    let window = Terminal(size: .init(columns: 80, rows: 24), wantsColours: false, isDumb: false)
    let output = try output(on: window)
    output.take(.started(file: 0, path: "a.mp4", size: 100))
    scheduler.advance(by: .seconds(1))
    #expect(pipe.read().contains("0 B of 100 B"))
    scheduler.callsHang = true
    for bytes: Int64 in 1...90 {
      output.take(.progress(file: 0, bytes: bytes))
      scheduler.advance(by: .milliseconds(100))
    }
    output.take(.note("seen"))
    scheduler.callsHang = false
    scheduler.advance(by: .seconds(1))
    let text = pipe.read()
    // That of the moment when it stopped, and that of now.
    #expect(text.split(separator: "0/1 files").count == 3 && text.contains("seen\n") && text.contains("90 B of 100 B"))
    #expect(output.couldWrite && !output.isFull)
  }
}
