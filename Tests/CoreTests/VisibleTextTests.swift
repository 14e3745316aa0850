import Testing

@testable import Core

@Suite struct VisibleTextTests {
  @Test func `control characters and marks of direction are written as escapes`() {
    let rows = [
      ("clip.mp4", "clip.mp4"), ("a\nb\tc\rd", "a\\nb\\tc\\rd"), ("\u{1B}[31mred", "\\u{1B}[31mred"),
      ("\u{7F}\u{9B}", "\\u{7F}\\u{9B}"),
      ("gpj\u{202E}4pm.exe", "gpj\\u{202E}4pm.exe"), ("a\u{2028}b", "a\\u{2028}b"), ("\u{FEFF}x", "\\u{FEFF}x"),
      ("視頻 é👩‍👩‍👧 می‌خواهم", "視頻 é👩‍👩‍👧 می‌خواهم"), ("a\\nb", "a\\nb"), ("", ""),
    ]
    for (text, escaped) in rows { #expect(VisibleText.escaped(text) == escaped) }
  }

  @Test func `width is counted in columns`() {
    let rows = [
      ("clip", 4), ("", 0), ("é", 1), ("e\u{301}", 1), ("視頻", 4), ("ｆｗ", 4), ("한국어", 6), ("ひらがな", 8), ("👍", 2),
      ("👩‍👩‍👧", 2),
      ("❤\u{FE0F}", 2), ("…", 1), ("─", 1), ("🇩🇪", 2), ("ä視b", 4),
    ]
    for (text, width) in rows { #expect(VisibleText.width(of: text) == width, "\(text)") }
  }

  @Test func `a prefix never exceeds its columns, but has at least one character`() {
    #expect(VisibleText.prefix(of: "視頻ab", width: 5) == "視頻a")
    #expect(VisibleText.prefix(of: "視頻ab", width: 3) == "視")
    #expect(VisibleText.prefix(of: "視頻", width: 1) == "視" && VisibleText.prefix(of: "", width: 3) == "")
  }

  @Test func `a text that is too long is shortened in the middle`() {
    #expect(VisibleText.shortened("clip.mp4", width: 8) == "clip.mp4")
    #expect(VisibleText.shortened("a-long-name.mp4", width: 9) == "a-lo….mp4")
    #expect(VisibleText.shortened("視頻視頻視頻.mp4", width: 10) == "視頻….mp4")
    for width in 0..<20 {
      for text in ["a-long-name-of-a-clip.mp4", "視頻視頻視頻視頻視頻.mp4", "x視y頻z視x頻y視z頻"] {
        #expect(VisibleText.width(of: VisibleText.shortened(text, width: width)) <= width)
      }
    }
  }
}

@Suite struct ByteCountTests {
  @Test func `sizes have three digits and a binary unit, cut and not rounded up`() {
    let rows: [(Int64, String)] = [
      (0, "0 B"), (1, "1 B"), (999, "999 B"), (1000, "0.97 KiB"), (1024, "1.00 KiB"), (1536, "1.50 KiB"),
      (10_239, "9.99 KiB"),
      (10_240, "10.0 KiB"), (102_399, "99.9 KiB"), (102_400, "100 KiB"), (1_023_999, "999 KiB"),
      (1_024_000, "0.97 MiB"),
      (1 << 20, "1.00 MiB"), (5 << 30, "5.00 GiB"), (53_687_091_200_000, "48.8 TiB"), (.max, "7.99 EiB"), (-5, "0 B"),
    ]
    for (count, text) in rows { #expect(ByteCount.text(count) == text) }
  }
}
