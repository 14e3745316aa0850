import Testing

@testable import Settings

@Suite struct TOMLNodeTests {
  @Test func `values have their lines, in the order of the text`() throws {
    let node = try TOMLNode.parse(
      Array("z = 'ä'\n[b]\ni = -1\nf = 1.5\n[a]\nt = true\nd = 2020-01-01\nl = [1,\n'\\n']\n".utf8))
    #expect(
      Self.outline(node) == [
        "1 z = ä", "2 b", "3 b.i = -1", "4 b.f = 1.5", "5 a", "6 a.t = true", "7 a.d = date", "8 a.l", "8 a.l. = 1",
        "9 a.l. = \\n",
      ])
  }

  @Test func `dotted keys and arrays of tables nest`() throws {
    let node = try TOMLNode.parse(Array("[[r.f]]\np = 1\n[[r.f]]\np = 2\n[r]\nx.y = 3\n".utf8))
    #expect(
      Self.outline(node) == [
        "1 r", "1 r.f", "1 r.f.", "2 r.f..p = 1", "3 r.f.", "4 r.f..p = 2", "6 r.x", "6 r.x.y = 3",
      ])
  }

  @Test func `an empty text is an empty table`() throws {
    #expect(Self.outline(try TOMLNode.parse([])) == [])
  }

  struct Refusal: CustomTestStringConvertible {
    let testDescription: String
    let text: String
    let line: Int
    let message: String
  }

  /// The library frees nested tables by recursion: without limits, a file of 1 MiB could overflow the stack.
  @Test(arguments: [
    Refusal(
      testDescription: "key", text: "a = 1\n" + String(repeating: "a.", count: 300_000) + "a = 1", line: 2,
      message: "a key of more than 32 parts"),
    Refusal(
      testDescription: "header", text: "[" + String(repeating: "a . ", count: 32) + "a]", line: 1,
      message: "a key of more than 32 parts"),
    Refusal(
      testDescription: "lists", text: "\na = " + String(repeating: "[", count: 300_000), line: 2,
      message: "Error while parsing value: exceeded maximum nested value depth of 32 (TOML_MAX_NESTED_VALUES)"),
    // For this text, the library would abort the process.
    Refusal(
      testDescription: "header of a mark", text: "a = 1\n\n[=a]\nb = 2\n[c]\n", line: 3,
      message: "something stands here that can't"),
    Refusal(testDescription: "UTF-8", text: "a = 1\nb = 'x\u{0}'", line: 2, message: "?"),
  ])
  func `invalid TOML is refused with its line`(_ refusal: Refusal) {
    do throws(TOMLError) {
      _ = try TOMLNode.parse(Array(refusal.text.utf8))
      Issue.record("it was read")
    } catch {
      #expect(error.line == refusal.line)
      if refusal.message != "?" { #expect(error.message == refusal.message) }
    }
  }

  @Test(arguments: [
    #"a = "............................................................""#,
    "a = '............................................................'",
    "a = \"\"\"\n............................................................\\\"\n.\"\"\"\"",
    "a = '''\n...........................................................'\n.'''",
    "# ............................................................\na = 1",
    #"a = "\".................................................................""#,
    "a = [" + String(repeating: "1.5, ", count: 100) + "]",
    "a = 1.5\n" + String(repeating: "[t.\"x.y\"]\n", count: 1) + (0..<50).map { "k\($0) = 1.5\n" }.joined(),
  ])
  func `dots outside of keys don't make tables`(_ text: String) throws {
    _ = try TOMLNode.parse(Array(text.utf8))
  }

  private static func outline(_ node: TOMLNode, _ path: String = "") -> [String] {
    func children(_ nodes: [TOMLNode]) -> [String] {
      nodes.flatMap { child in
        let name = path.isEmpty ? child.key : "\(path).\(child.key)"
        let own =
          switch child.value {
          case .table, .array: "\(child.line) \(name)"
          case .string(let text): "\(child.line) \(name) = \(text)"
          case .integer(let number): "\(child.line) \(name) = \(number)"
          case .float(let number): "\(child.line) \(name) = \(number)"
          case .boolean(let value): "\(child.line) \(name) = \(value)"
          case .dateTime: "\(child.line) \(name) = date"
          }
        return [own] + outline(child, name)
      }
    }
    switch node.value {
    case .table(let nodes), .array(let nodes): return children(nodes)
    default: return []
    }
  }
}
