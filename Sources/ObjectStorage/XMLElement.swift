/// An element of a small document.
struct XMLElement {
  /// Without the prefix of a namespace.
  let name: String
  /// What is between its tags, but for the text of the elements in it.
  var text = ""
  var children: [XMLElement] = []

  /// The text of the first element in it of that name, without blanks around it; nil when there is none or it is empty.
  func text(of name: String) -> String? {
    guard let child = children.first(where: { $0.name == name }) else { return nil }
    let blanks: Set<Character> = [" ", "\t", "\n", "\r", "\r\n"]
    var text = child.text[...]
    while let first = text.first, blanks.contains(first) { text.removeFirst() }
    while let last = text.last, blanks.contains(last) { text.removeLast() }
    return text.isEmpty ? nil : String(text)
  }
}
