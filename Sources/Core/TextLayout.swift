/// Text laid out for a terminal of a given width; without a width, lines aren't broken.
package enum TextLayout {
  package enum Colour: String, Sendable {
    case none = ""
    case good = "\u{1B}[32m"
    case warning = "\u{1B}[33m"
    case bad = "\u{1B}[31m"
    case faint = "\u{1B}[2m"

    package func paint(_ text: String, _ isOn: Bool) -> String {
      isOn && self != .none ? "\(rawValue)\(text)\u{1B}[0m" : text
    }
  }

  package struct Cell: Sendable {
    package let text: String
    package var colour: Colour

    package init(text: String, colour: Colour = .none) {
      self.text = text
      self.colour = colour
    }
  }

  /// A table with a title row; each column is as wide as its widest cell and two blanks apart from the next.
  package static func table(_ titles: [String], _ rows: [[Cell]], colours: Bool) -> [String] {
    let lines = [titles.map { Cell(text: $0, colour: .faint) }] + rows
    let widths = self.widths(titles, rows)
    return lines.map { cells in
      cells.enumerated().map { column, cell in
        // The last column isn't padded: nothing follows it.
        let padding = column == cells.count - 1 ? 0 : widths[column] - VisibleText.width(of: cell.text)
        return cell.colour.paint(cell.text, colours) + String(repeating: " ", count: padding)
      }.joined(separator: "  ")
    }
  }

  package static func width(_ titles: [String], _ rows: [[Cell]]) -> Int {
    widths(titles, rows).reduce(2 * (titles.count - 1), +)
  }

  private static func widths(_ titles: [String], _ rows: [[Cell]]) -> [Int] {
    titles.indices.map { column in
      max(VisibleText.width(of: titles[column]), rows.map { VisibleText.width(of: $0[column].text) }.max() ?? 0)
    }
  }

  /// `text` in lines of at most `width`, broken at blanks if possible; lines after the first begin with `indent`.
  package static func wrapped(_ text: String, width: Int?, indent: String = "") -> [String] {
    guard let width, width > indent.count + 8 else { return [text] }
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ", omittingEmptySubsequences: true) {
      var word = String(word)
      let joint = line.isEmpty || line == indent ? "" : " "
      if VisibleText.width(of: line) + joint.count + VisibleText.width(of: word) <= width {
        line += joint + word
        continue
      }
      if !line.isEmpty && line != indent { lines.append(line) }
      line = lines.isEmpty ? "" : indent
      // A word that is longer than a line, such as a path, is cut.
      while VisibleText.width(of: line) + VisibleText.width(of: word) > width {
        let piece = VisibleText.prefix(of: word, width: width - VisibleText.width(of: line))
        lines.append(line + piece)
        word = String(word.dropFirst(piece.count))
        line = indent
      }
      line += word
    }
    if !line.isEmpty && line != indent { lines.append(line) }
    return lines.isEmpty ? [""] : lines
  }
}

extension Duration {
  /// Like `text`, but leaves out the seconds from an hour up, to save space.
  package var shortText: String {
    self >= .hours(1) ? (Duration.minutes(components.seconds / 60)).text : text
  }
}
