/// Takes the first line off `rest`, without its line feed; all of it when there is none.
package func takeLine(_ rest: inout Slice<UnsafeBufferPointer<UInt8>>) -> String {
  let line = rest.prefix { $0 != UInt8(ascii: "\n") }
  rest = rest.dropFirst(line.count + 1)
  return String(decoding: line, as: UTF8.self)
}
