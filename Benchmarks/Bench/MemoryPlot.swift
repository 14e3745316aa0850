import Glibc

/// Memory by the number of roles, as a drawing.
struct MemoryPlot {
  private static let (width, height) = (640.0, 400.0)
  private static let (left, right, top, bottom) = (60.0, 20.0, 40.0, 50.0)

  let points: [MemoryPoint]

  var svg: String {
    let most = points.map(\.resident).max() ?? 1
    let scale = Self.roundUp(most / 1e6)
    var text = """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" font-family="sans-serif" font-size="12">
      <rect width="100%" height="100%" fill="white"/>
      <text x="\(Self.left)" y="22" font-size="14">Memory of rolekeeperd by roles, pool 2 (MB)</text>

      """
    text += grid(scale) + line(\.resident, scale, "#1f77b4", "Rss") + line(\.anonymous, scale, "#d62728", "Anonymous")
    return text + "</svg>\n"
  }

  private func grid(_ scale: Double) -> String {
    var text = ""
    for step in 0...5 {
      let value = scale * Double(step) / 5
      let y = Self.y(value, scale)
      text +=
        "<line x1=\"\(Self.left)\" x2=\"\(Self.width - Self.right)\" y1=\"\(y)\" y2=\"\(y)\" stroke=\"#ddd\"/>"
        + "<text x=\"\(Self.left - 8)\" y=\"\(y + 4)\" text-anchor=\"end\">\(figure(value))</text>\n"
    }
    for point in points {
      let x = x(point)
      text +=
        "<text x=\"\(x)\" y=\"\(Self.height - 28)\" text-anchor=\"middle\">\(figure(Double(point.roles)))</text>\n"
    }
    return text + "<text x=\"\(Self.width / 2)\" y=\"\(Self.height - 8)\" text-anchor=\"middle\">roles</text>\n"
  }

  private func line(_ value: (MemoryPoint) -> Double, _ scale: Double, _ colour: String, _ name: String) -> String {
    let places = points.map { (x: x($0), y: Self.y(value($0) / 1e6, scale), value: value($0) / 1e6) }
    let path = places.map { "\($0.x),\($0.y)" }.joined(separator: " ")
    var text = "<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\"/>\n"
    for place in places {
      text +=
        "<circle cx=\"\(place.x)\" cy=\"\(place.y)\" r=\"3\" fill=\"\(colour)\"/>"
        + "<text x=\"\(place.x)\" y=\"\(place.y - 8)\" text-anchor=\"middle\" fill=\"\(colour)\">\(figure(place.value))</text>\n"
    }
    if let first = places.first {
      text += "<text x=\"\(first.x + 30)\" y=\"\(first.y - 22)\" fill=\"\(colour)\">\(name)</text>\n"
    }
    return text
  }

  /// Roles are on a logarithmic axis.
  private func x(_ point: MemoryPoint) -> Double {
    let span = log10(Double(points.last?.roles ?? 10))
    let share = span > 0 ? log10(Double(point.roles)) / span : 0
    return (Self.left + 20 + share * (Self.width - Self.left - Self.right - 40)).rounded()
  }

  private static func y(_ value: Double, _ scale: Double) -> Double {
    (height - bottom - value / scale * (height - top - bottom)).rounded()
  }

  /// The next figure that five steps divide well.
  private static func roundUp(_ value: Double) -> Double {
    let unit = pow(10, floor(log10(max(value, 1))))
    return [1, 1.5, 2, 2.5, 5, 10].map { $0 * unit }.first { $0 >= value * 1.05 } ?? value
  }
}
