package import Core

/// Progress on a terminal: permanent lines, and below them a block that is redrawn, with a line for the batch and one
/// for each file in progress.
///
/// Returned texts are written to the terminal as they are. The cursor is in the line below the block.
package struct TerminalProgress: Sendable {
  package struct Size: Equatable, Sendable {
    package var columns: Int
    package var rows: Int

    package init(columns: Int, rows: Int) {
      self.columns = columns
      self.rows = rows
    }
  }

  /// At most five times a second.
  package static let interval = Duration.milliseconds(200)

  private var totals: ProgressTotals
  private var size: Size
  private let colours: Bool
  /// Permanent lines that aren't on the screen yet.
  private var pending: [String] = []
  /// Their size in bytes.
  package private(set) var pendingBytes = 0
  /// The block on the screen.
  private var shown: [String] = []
  private var lastDrawn: Timestamp?
  private var isStale = true

  package init(files: Int, size total: Int64, on size: Size, colours: Bool, at now: Timestamp) {
    totals = ProgressTotals(files: files, size: total, at: now)
    self.size = size
    self.colours = colours
  }

  package mutating func grow(toFiles files: Int, size: Int64) {
    totals.files = files
    totals.size = size
    isStale = true
  }

  /// Notes an event; `redraw` shows it.
  package mutating func take(_ event: UploadEvent, at now: Timestamp) {
    let path = event.file.flatMap { totals.running[$0]?.path } ?? ""
    totals.take(event, at: now)
    isStale = true
    guard !Self.isShownInBlock(event) else { return }
    let lines = PlainProgress.lines(event, path: path)
    pending += lines
    pendingBytes += lines.reduce(0) { $0 + $1.utf8.count }
  }

  /// Whether the block alone shows the event.
  private static func isShownInBlock(_ event: UploadEvent) -> Bool {
    switch event {
    case .started, .progress, .resumed: true
    default: false
    }
  }

  /// When `redraw` has something to show; nil if nothing has changed.
  package var nextRedraw: Timestamp? {
    isStale ? lastDrawn.map { $0 + Self.interval } ?? Timestamp(microseconds: 0) : nil
  }

  /// Returns the new lines and the block if something has changed and the last redraw isn't too recent. `size` is the
  /// terminal's present size.
  package mutating func redraw(on size: Size, at now: Timestamp) -> String {
    if size != self.size { isStale = true }
    guard isStale, lastDrawn.map({ now - $0 >= Self.interval }) ?? true else { return "" }
    // In a narrower window, the drawn block has more rows.
    let erasure = erased(width: size.columns)
    self.size = size
    return erasure + takePending() + drawn(at: now)
  }

  /// Returns what must be written before any other output: it erases the block and shows the pending lines. `redraw`
  /// shows the block again.
  package mutating func clear() -> String {
    let erasure = erased()
    isStale = true
    lastDrawn = nil
    return erasure + takePending()
  }

  private mutating func takePending() -> String {
    defer {
      pending = []
      pendingBytes = 0
    }
    return pending.map { "\($0)\n" }.joined()
  }

  private mutating func erased(width: Int? = nil) -> String {
    if shown.isEmpty { return "" }
    let width = max(1, width ?? size.columns)
    let rows = shown.reduce(0) { $0 + max(1, (VisibleText.width(of: $1) + width - 1) / width) }
    shown = []
    // Up to the block's first line, and erase from there (ECMA-48: CPL, ED).
    return "\u{1B}[\(rows)F\u{1B}[J"
  }

  private mutating func drawn(at now: Timestamp) -> String {
    shown = block(at: now)
    lastDrawn = now
    isStale = false
    return shown.enumerated().map { number, line in
      "\((number == 0 ? TextLayout.Colour.none : .faint).paint(line, colours))\n"
    }.joined()
  }

  /// The lines of the block, none wider than the window: the batch, and as many files as fit.
  private func block(at now: Timestamp) -> [String] {
    // A line that fills the window to its last column wraps in some terminals.
    let width = max(10, size.columns - 1)
    let running = totals.running.sorted { $0.key < $1.key }
    let most = max(0, size.rows - 2)
    let shown = running.prefix(most).map { upload($0.value, width: width, now) }
    return [VisibleText.shortened(batch(at: now, width: width), width: width)] + shown
  }

  /// The batch's line, with as many figures as fit.
  private func batch(at now: Timestamp, width: Int) -> String {
    let count = "\(totals.ended)/\(totals.files)"
    // In the words of the last line (`FailureTable.summary`).
    let troubles = [(totals.counts.unconfirmed, "not confirmed"), (totals.counts.failed, "failed")]
      .filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    let failed = troubles.isEmpty ? "" : " (\(troubles.joined(separator: ", ")))"
    let (bytes, all) = (ByteCount.text(totals.bytes), ByteCount.text(totals.size))
    let perSecond = totals.rate.bytesPerSecond(at: now)
    let rate = perSecond > 0 ? "  \(ByteCount.text(Int64(perSecond)))/s" : ""
    let left = totals.timeLeft(at: now).map { "  \($0.shortText) left" } ?? ""
    return Self.first(
      [
        "\(count) files\(failed)  \(bytes) of \(all)\(Self.share(totals.bytes, totals.size))\(rate)\(left)",
        "\(count) files\(failed)  \(bytes) of \(all)\(rate)\(left)", "\(count)\(failed)  \(bytes)\(rate)\(left)",
        "\(count)\(failed)  \(bytes)\(left)", "\(count)\(failed)  \(bytes)", "\(count)\(failed)",
      ], thatFits: width)
  }

  private func upload(_ one: ProgressTotals.Running, width: Int, _ now: Timestamp) -> String {
    let perSecond = one.rate.bytesPerSecond(at: now)
    let rate = perSecond > 0 ? "  \(ByteCount.text(Int64(perSecond)))/s" : ""
    let share = Self.share(one.bytes, one.size)
    let figures = Self.first(
      ["  \(ByteCount.text(one.bytes)) of \(ByteCount.text(one.size))\(share)\(rate)", "\(share)\(rate)", share],
      thatFits: width - 2 - Self.leastName)
    let room = width - 2 - VisibleText.width(of: figures)
    let name = VisibleText.shortened(VisibleText.escaped(FileName.last(of: one.path)), width: max(8, room))
    return VisibleText.shortened("  \(name)\(figures)", width: width)
  }

  /// The minimum width of a name beside its figures.
  private static let leastName = 16

  /// The last text if none fits.
  private static func first(_ texts: [String], thatFits width: Int) -> String {
    texts.first { VisibleText.width(of: $0) <= width } ?? texts.last ?? ""
  }

  private static func share(_ bytes: Int64, _ size: Int64) -> String {
    size > 0 ? "  \(min(100, Int(Double(bytes) / Double(size) * 100))) %" : ""
  }
}
