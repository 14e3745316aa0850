import Core
import JSON
import Testing

@testable import Upload

private func at(_ seconds: Double) -> Timestamp { Timestamp(microseconds: Int64(seconds * 1_000_000)) }

@Suite struct PlainProgressTests {
  private var progress = PlainProgress(files: 2, size: 100 << 20, at: at(0))

  @Test mutating func `each event is a line, and ids have lines of their own`() {
    let trouble = UploadResult.Trouble(error: "NoPermission", fix: "allow it")
    let entry = InputEntry(path: "x\n.txt", content: .skipped(.foreignExtension))
    let rows: [(event: UploadEvent, lines: [String])] = [
      (.started(file: 0, path: "v/a\u{1B}.mp4", size: 100 << 20), ["v/a\\u{1B}.mp4: started, 100 MiB"]),
      (
        .created(file: 0, Samples.video(1)),
        [
          "v/a\\u{1B}.mp4: video created", "RequestId: 25818875-5F78-4AF6-D7D5-CA3937401D81",
          "VideoId: 93ab850b4f6f44eab54b6e91d24d81d1", "UploadAddress: oss://outin-2d8a0b1c/sv/5f2c-11/clip.mp4",
        ]
      ),
      (.resumed(file: 0, bytes: 30 << 20), ["v/a\\u{1B}.mp4: continued, 30.0 MiB are there already"]),
      (.resumed(file: 0, bytes: 0), ["v/a\\u{1B}.mp4: continued from the start"]),
      (.refreshed(file: 0, requestID: "R1"), ["v/a\\u{1B}.mp4: upload credential renewed (request R1)"]),
      (
        .retried(file: 0, part: 7, error: "HTTP 500", wait: .seconds(3)),
        ["v/a\\u{1B}.mp4: part 7: HTTP 500; next try in 3s"]
      ),
      (
        .retried(file: 0, part: nil, error: "timed out", wait: .zero),
        ["v/a\\u{1B}.mp4: upload: timed out; next try at once"]
      ),
      (
        .retried(file: 0, part: nil, call: "CreateUploadVideo", error: "timed out", wait: .zero),
        ["v/a\\u{1B}.mp4: CreateUploadVideo: timed out; next try at once"]
      ),
      (.note("asking VOD", file: 0), ["v/a\\u{1B}.mp4: asking VOD"]),
      (.restarted(file: 0), ["v/a\\u{1B}.mp4: OSS doesn't know the upload any more; starting it again"]),
      (.waitingForCredential(error: "no daemon"), ["waiting for a credential: no daemon"]),
      (
        .throttled(code: "Throttling.User", wait: .seconds(2)),
        ["VOD asks for fewer calls (Throttling.User); next call in 2s"]
      ),
      (.finished(file: 0, .uploaded, seconds: 61.5), ["v/a\\u{1B}.mp4: uploaded in 1min1s, CRC64 checked"]),
      (.started(file: 1, path: "b.mp4", size: 0), ["b.mp4: started, 0 B"]),
      (.finished(file: 1, .failed(trouble), seconds: 1), ["b.mp4: failed: NoPermission; allow it"]),
      (.started(file: 2, path: "c.mp4", size: 0), ["c.mp4: started, 0 B"]),
      (.finished(file: 2, .uploaded, seconds: 0.04), ["c.mp4: uploaded in 0.1s, CRC64 checked"]),
      (.started(file: 4, path: "e.mp4", size: 0), ["e.mp4: started, 0 B"]),
      (
        .finished(file: 4, .unchecked, seconds: 0.1),
        ["e.mp4: uploaded in 0.1s, CRC64 not checked (OSS named none)"]
      ),
      (.started(file: 3, path: "d.mp4", size: 0), ["d.mp4: started, 0 B"]),
      (.finished(file: 3, .uploaded, seconds: 0), ["d.mp4: uploaded by an earlier run"]),
      (.started(file: 5, path: "f.mp4", size: 0), ["f.mp4: started, 0 B"]),
      (.finished(file: 5, .confirmed, seconds: 0), ["f.mp4: confirmed by VOD in an earlier run, CRC not seen"]),
      (.started(file: 6, path: "g.mp4", size: 0), ["g.mp4: started, 0 B"]),
      (.finished(file: 6, .unchecked, seconds: 0), ["g.mp4: uploaded by an earlier run, CRC64 not checked"]),
      (.started(file: 7, path: "h.mp4", size: 0), ["h.mp4: started, 0 B"]),
      (.finished(file: 7, .confirmed, seconds: 3), ["h.mp4: confirmed by VOD, CRC not seen"]),
      (.passedOver(entry), ["x\\n.txt: skipped: ApsaraVideo VOD doesn't take files with this extension"]),
      (.passedOver(InputEntry(path: "y", content: .failed(.notUTF8))), ["y: its name is not UTF-8; rename it"]),
      (.note("one\ntwo"), ["one\\ntwo"]),
    ]
    for row in rows { #expect(progress.lines(for: row.event, at: at(1)) == row.lines) }
  }

  @Test mutating func `an upload in progress gets a line every half minute`() {
    _ = progress.lines(for: .started(file: 0, path: "a.mp4", size: 100 << 20), at: at(0))
    var lines: [String] = []
    for second in 1...70 {
      lines += progress.lines(for: .progress(file: 0, bytes: Int64(second) << 20), at: at(Double(second)))
    }
    #expect(lines == ["a.mp4: 30.0 MiB of 100 MiB (30 %)", "a.mp4: 60.0 MiB of 100 MiB (60 %)"])
  }
}

@Suite struct JSONProgressTests {
  private var progress = JSONProgress()
  private let time = UTCTime(seconds: 1_767_225_600)

  private mutating func line(_ event: UploadEvent, _ seconds: Double = 0) -> String? {
    progress.line(for: event, at: at(seconds), time: time).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test mutating func `each event is an object on a line`() {
    let trouble = UploadResult.Trouble(error: "NoPermission", fix: "allow \"it\"")
    let rows: [(event: UploadEvent, members: String)] = [
      (.started(file: 0, path: "v/a\n.mp4", size: 5), #""event":"started","path":"v/a\n.mp4","size":5"#),
      (
        .created(file: 0, Samples.video(1)),
        #""event":"created","path":"v/a\n.mp4","request_id":"25818875-5F78-4AF6-D7D5-CA3937401D81","video_id":"93ab850b4f6f44eab54b6e91d24d81d1","bucket":"outin-2d8a0b1c","endpoint":"https://oss-cn-shanghai.aliyuncs.com","key":"sv/5f2c-11/clip.mp4","region":"cn-shanghai""#
      ),
      (.resumed(file: 0, bytes: 3), #""event":"resumed","path":"v/a\n.mp4","bytes":3"#),
      (.refreshed(file: 0, requestID: "R1"), #""event":"refreshed","path":"v/a\n.mp4","request_id":"R1""#),
      (
        .retried(file: 0, part: 7, error: "HTTP 500", wait: .milliseconds(2500)),
        #""event":"retried","path":"v/a\n.mp4","part":7,"error":"HTTP 500","wait_seconds":2.5"#
      ),
      (
        .retried(file: 0, part: nil, call: "CreateUploadVideo", error: "HTTP 500", wait: .zero),
        #""event":"retried","path":"v/a\n.mp4","call":"CreateUploadVideo","error":"HTTP 500","wait_seconds":0.0"#
      ),
      (.note("n", file: 0), #""event":"note","path":"v/a\n.mp4","text":"n""#),
      (.restarted(file: 0), #""event":"restarted","path":"v/a\n.mp4""#),
      (.waitingForCredential(error: "no daemon"), #""event":"waiting-for-credential","error":"no daemon""#),
      (
        .throttled(code: "Throttling", wait: .seconds(2)),
        #""event":"throttled","code":"Throttling","wait_seconds":2.0"#
      ),
      (
        .finished(file: 0, .failed(trouble), seconds: 1.25),
        #""event":"finished","path":"v/a\n.mp4","status":"failed","seconds":1.25,"error":"NoPermission","fix":"allow \"it\"""#
      ),
      (
        .finished(file: 1, .skipped(.gone), seconds: 0),
        #""event":"finished","status":"skipped","seconds":0.0,"reason":"it was moved or removed before its turn""#
      ),
      (
        .passedOver(InputEntry(path: "x", content: .skipped(.hidden))),
        #""event":"skipped","path":"x","reason":"hidden""#
      ),
      (
        .passedOver(InputEntry(path: "y", content: .failed(.notUTF8))),
        #""event":"unreadable","path":"y","error":"its name is not UTF-8","fix":"rename it""#
      ), (.note("n"), #""event":"note","text":"n""#),
    ]
    for row in rows {
      #expect(line(row.event) == "{\"time\":\"2026-01-01T00:00:00Z\",\(row.members)}\n")
    }
  }

  @Test func `the last line sums the batch up`() {
    var counts = ResultCounts()
    let trouble = UploadResult.Trouble(error: "e", fix: "f")
    for result: UploadResult in [
      .uploaded, .uploaded, .confirmed, .unconfirmed(trouble), .failed(trouble), .notStarted, .skipped(.hidden),
      .unchecked,
    ] { counts.count(result) }
    #expect(
      String(decoding: JSONProgress.summary(counts, time: time), as: UTF8.self)
        == #"{"time":"2026-01-01T00:00:00Z","event":"summary","files":7,"uploaded":2,"confirmed":1,"uploaded_unchecked":1,"not_confirmed":1,"failed":1,"not_started":1,"skipped":1}"#
        + "\n")
  }

  @Test mutating func `progress is shown at most once a second`() {
    _ = line(.started(file: 0, path: "a", size: 1000))
    let shown = (1...40).filter { line(.progress(file: 0, bytes: Int64($0)), Double($0) / 10) != nil }
    #expect(shown == [10, 20, 30, 40])
    #expect(line(.progress(file: 9, bytes: 1), 99) == nil)
  }
}

@Suite struct ProgressTotalsTests {
  /// It crashed.
  @Test func `files whose total size exceeds the type are counted anyway`() {
    var totals = ProgressTotals(files: 3, size: .max, at: at(0))
    for file in 0..<3 {
      totals.take(.started(file: file, path: "a", size: 5 << 60), at: at(0))
      totals.take(.progress(file: file, bytes: 5 << 60), at: at(0))
    }
    #expect(totals.bytes == .max)
    for file in 0..<3 { totals.take(.finished(file: file, .uploaded, seconds: 1), at: at(1)) }
    #expect(totals.endedSize == .max && totals.bytes == .max)
  }

  @Test func `bytes of an earlier run, or sent again, don't increase the rate`() {
    var totals = ProgressTotals(files: 1, size: 1000, at: at(0))
    totals.take(.started(file: 0, path: "a", size: 1000), at: at(0))
    totals.take(.resumed(file: 0, bytes: 500), at: at(0))
    for second in 1...10 { totals.take(.progress(file: 0, bytes: 500 + Int64(second) * 10), at: at(Double(second))) }
    #expect(totals.bytes == 600 && totals.rate.bytesPerSecond(at: at(10)) == 10)
    #expect(totals.running[0]?.rate.bytesPerSecond(at: at(10)) == 10)
    #expect(totals.timeLeft(at: at(10)) == .seconds(40))
  }

  @Test func `the rate is that of the last seconds, and zero if nothing is sent`() {
    var meter = RateMeter(at: at(0))
    #expect(meter.bytesPerSecond(at: at(0)) == 0)
    for second in 1...60 {
      meter.take(Int64(second < 40 ? second * 1000 : 40_000 + (second - 40) * 10), at: at(Double(second)))
    }
    #expect(meter.bytesPerSecond(at: at(60)) == 10)
    // It falls while nothing is sent, and is none in the end.
    #expect(meter.bytesPerSecond(at: at(67)) < 10 && meter.bytesPerSecond(at: at(76)) == 0)
  }

  @Test func `a file that has ended counts completely, whatever its result`() {
    var totals = ProgressTotals(files: 2, size: 1000, at: at(0))
    totals.take(.started(file: 0, path: "a", size: 600), at: at(0))
    totals.take(.progress(file: 0, bytes: 100), at: at(1))
    totals.take(.finished(file: 0, .failed(.init(error: "e", fix: "f")), seconds: 1), at: at(1))
    #expect(totals.ended == 1 && totals.bytes == 600 && totals.counts.failed == 1 && totals.running.isEmpty)
    totals.take(.passedOver(InputEntry(path: "x", content: .skipped(.hidden))), at: at(1))
    #expect(totals.counts.skipped == 1 && totals.ended == 1)
    // What is gone now may be back before the end.
    totals.take(.passedOver(InputEntry(path: "w", content: .failed(.watched(2)))), at: at(1))
    #expect(totals.counts.failed == 1)
    totals.take(.passedOver(InputEntry(path: "y", content: .failed(.notUTF8))), at: at(1))
    #expect(totals.counts.failed == 2)
  }
}

@Suite struct TerminalProgressTests {
  private let size = TerminalProgress.Size(columns: 60, rows: 24)
  private var progress: TerminalProgress

  init() { progress = TerminalProgress(files: 3, size: 300 << 20, on: size, colours: false, at: at(0)) }

  @Test mutating func `the block has the batch and each file in progress, and replaces the previous block`() {
    progress.take(.started(file: 0, path: "v/a.mp4", size: 100 << 20), at: at(0))
    progress.take(.started(file: 1, path: "v/視頻.mp4", size: 200 << 20), at: at(0))
    #expect(
      progress.redraw(on: size, at: at(0)) == """
        0/3 files  0 B of 300 MiB  0 %
          a.mp4  0 B of 100 MiB  0 %
          視頻.mp4  0 B of 200 MiB  0 %

        """)
    progress.take(.progress(file: 0, bytes: 10 << 20), at: at(1))
    #expect(
      progress.redraw(on: size, at: at(1)) == """
        \u{1B}[3F\u{1B}[J0/3 files  10.0 MiB of 300 MiB  3 %  10.0 MiB/s  29s left
          a.mp4  10.0 MiB of 100 MiB  10 %  10.0 MiB/s
          視頻.mp4  0 B of 200 MiB  0 %

        """)
    #expect(progress.clear() == "\u{1B}[3F\u{1B}[J")
    #expect(progress.clear() == "")
  }

  @Test mutating func `the block is drawn at most five times a second, and not while nothing changes`() {
    _ = progress.redraw(on: size, at: at(0))
    #expect(progress.nextRedraw == nil && progress.redraw(on: size, at: at(9)) == "")
    var drawn = 0
    progress.take(.started(file: 0, path: "a.mp4", size: 100), at: at(10))
    for step in 0..<100 {
      progress.take(.progress(file: 0, bytes: Int64(step)), at: at(10 + Double(step) / 100))
      if !progress.redraw(on: size, at: at(10 + Double(step) / 100)).isEmpty { drawn += 1 }
    }
    #expect(drawn == 5 && progress.nextRedraw == at(11))
  }

  @Test mutating func `permanent lines are above the block, and none is lost`() {
    progress.take(.started(file: 0, path: "a.mp4", size: 100), at: at(0))
    _ = progress.redraw(on: size, at: at(0))
    progress.take(.created(file: 0, Samples.video(0)), at: at(0.05))
    progress.take(.finished(file: 0, .uploaded, seconds: 1), at: at(0.1))
    #expect(progress.redraw(on: size, at: at(0.15)) == "" && progress.nextRedraw == at(0.2))
    #expect(
      progress.redraw(on: size, at: at(0.2)) == """
        \u{1B}[2F\u{1B}[Ja.mp4: video created
        RequestId: 25818875-5F78-4AF6-D7D5-CA3937401D80
        VideoId: 93ab850b4f6f44eab54b6e91d24d81d0
        UploadAddress: oss://outin-2d8a0b1c/sv/5f2c-10/clip.mp4
        a.mp4: uploaded in 1.0s, CRC64 checked
        1/3 files  100 B of 300 MiB  0 %

        """)
    progress.take(.note("bye"), at: at(0.21))
    #expect(progress.clear() == "\u{1B}[1F\u{1B}[Jbye\n")
  }

  @Test mutating func `no line is wider than the window, and no block higher`() {
    for file in 0..<30 {
      progress.take(
        .started(file: file, path: "v/" + String(repeating: "視頻\(file)", count: 20), size: 1 << 50), at: at(0))
      progress.take(.progress(file: file, bytes: 1 << 49), at: at(1))
    }
    for (number, columns) in [20, 40, 61, 200].enumerated() {
      let window = TerminalProgress.Size(columns: columns, rows: 10)
      let lines = progress.redraw(on: window, at: at(2 + Double(number))).split(separator: "\n")
      #expect(lines.count <= 9)
      for line in lines {
        let text = line.split(separator: "J", maxSplits: 1).last.map(String.init) ?? ""
        #expect(VisibleText.width(of: line.hasPrefix("\u{1B}") ? text : String(line)) < columns)
      }
    }
  }

  @Test mutating func `a narrow window has fewer figures, none of them cut`() {
    progress.take(.started(file: 0, path: "v/a quite long name of a file.mp4", size: 300 << 20), at: at(0))
    for second in 1...10 {
      progress.take(.progress(file: 0, bytes: Int64(second) << 20), at: at(Double(second)))
    }
    let rows = [
      (
        80,
        [
          "0/3 files  10.0 MiB of 300 MiB  3 %  1.00 MiB/s  4min50s left",
          "  a quite long name of a file.mp4  10.0 MiB of 300 MiB  3 %  1.00 MiB/s",
        ]
      ),
      (
        60,
        [
          "0/3 files  10.0 MiB of 300 MiB  1.00 MiB/s  4min50s left",
          "  a quite l… file.mp4  10.0 MiB of 300 MiB  3 %  1.00 MiB/s",
        ]
      ),
      (40, ["0/3  10.0 MiB  1.00 MiB/s  4min50s left", "  a quite lo… file.mp4  3 %  1.00 MiB/s"]),
      (24, ["0/3  10.0 MiB", "  a quite …ile.mp4  3 %"]),
    ]
    for row in rows {
      let window = TerminalProgress.Size(columns: row.0, rows: 24)
      let text = progress.redraw(on: window, at: at(10))
      _ = progress.clear()
      #expect(text.split(separator: "\n").map(String.init) == row.1, "\(row.0)")
    }
  }

  @Test mutating func `after the window has become narrower all rows of the block are erased`() {
    progress.take(.started(file: 0, path: String(repeating: "x", count: 100), size: 1 << 30), at: at(0))
    let lines = progress.redraw(on: size, at: at(0)).split(separator: "\n")
    #expect(lines.map { VisibleText.width(of: String($0)) } == [30, 59])
    // 30 columns are one row of 40, 59 are two.
    #expect(progress.redraw(on: .init(columns: 40, rows: 24), at: at(1)).hasPrefix("\u{1B}[3F\u{1B}[J"))
  }

  /// Files that weren't confirmed counted as failed there, and not in the last line.
  @Test mutating func `the batch's line counts what failed and what isn't confirmed apart, as the last line does`() {
    let trouble = UploadResult.Trouble(error: "E", fix: "F")
    var counts = ResultCounts()
    var lines: [String] = []
    for (file, result) in [UploadResult.unconfirmed(trouble), .failed(trouble), .failed(trouble)].enumerated() {
      progress.take(.started(file: file, path: "a.mp4", size: 100), at: at(Double(file)))
      progress.take(.finished(file: file, result, seconds: 0), at: at(Double(file)))
      counts.count(result)
      lines.append(progress.redraw(on: size, at: at(Double(file))).split(separator: "\n").last.map(String.init) ?? "")
    }
    #expect(
      lines == [
        "1/3 files (1 not confirmed)  100 B of 300 MiB  0 %", "2/3 files (1 not confirmed, 1 failed)  200 B of 300 MiB",
        "3/3 files (1 not confirmed, 2 failed)  300 B of 300 MiB",
      ])
    #expect(FailureTable.summary(counts) == "3 files: 1 not confirmed, 2 failed")
    _ = progress.clear()
    let narrow = progress.redraw(on: .init(columns: 40, rows: 24), at: at(3))
    #expect(narrow == "3/3 (1 not confirmed, 2 failed)  300 B\n")
  }

  @Test mutating func `a failure is counted in the batch's line, and a name can't move the cursor`() {
    progress.take(.started(file: 0, path: "a\u{1B}[2J.mp4", size: 100), at: at(0))
    #expect(progress.redraw(on: size, at: at(0)).contains("a\\u{1B}[2J.mp4"))
    progress.take(.finished(file: 0, .failed(.init(error: "E", fix: "F")), seconds: 0), at: at(1))
    let text = progress.redraw(on: size, at: at(1))
    #expect(text.contains("1/3 files (1 failed)") && text.contains("a\\u{1B}[2J.mp4: failed: E; F"))
  }
}
