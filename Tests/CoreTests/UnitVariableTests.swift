import Core
import Testing

@Suite struct UnitVariableTests {
  @Test(arguments: [
    ("/run/rolekeeper/s", "Environment=A=/run/rolekeeper/s"), ("/srv/my s", "Environment=\"A=/srv/my s\""),
    ("/srv/50%n", "Environment=\"A=/srv/50%%n\""), ("/a\"b\\c", #"Environment="A=/a\"b\\c""#),
    ("/it's", "Environment=\"A=/it's\""),
  ])
  func `a line gives the variable its value`(_ value: String, _ line: String) throws {
    #expect(UnitVariable.line("A", value) == line)
    #expect(UnitVariable.value("A", in: [String(line.dropFirst("Environment=".count))]) == value)
  }

  @Test func `the last assignment counts`() {
    #expect(UnitVariable.value("A", in: ["A=1 'B=2 A=3'", "\"A=4 5\" AA=6"]) == "4 5")
    #expect(UnitVariable.value("A", in: ["A=%t/x"]) == "/run/x")
    for lines in [[], ["AA=1"], ["A="], ["A=%h/x"], ["A=1", "A=%i"]] {
      #expect(UnitVariable.value("A", in: lines) == nil)
    }
  }

  /// systemd reads this escape as a tab.
  @Test func `a value with an unknown escape is nil, and another variable's escape doesn't matter`() {
    #expect(UnitVariable.value("A", in: [#"A=/a\tb"#]) == nil)
    #expect(UnitVariable.value("A", in: [#"B=\t A=/a\ b"#]) == "/a b")
  }
}
