/// Text in units of more than one byte, as editors and PowerShell on Windows write it. The error names the encoding instead of
/// reading it: the settings will probably be written in the same way.
package enum WideEncoding: String, Sendable, CaseIterable {
  case utf16 = "UTF-16"
  case utf16LittleEndian = "UTF-16LE"
  case utf16BigEndian = "UTF-16BE"
  case utf32 = "UTF-32"

  /// Recognised by its byte order mark (Unicode Standard, section 23.8), otherwise by the zero bytes that ASCII has in it.
  package init?(of text: Span<UInt8>) {
    guard text.count >= 2 else { return nil }
    func begins(_ bytes: [UInt8]) -> Bool {
      text.count >= bytes.count && bytes.indices.allSatisfy { text[$0] == bytes[$0] }
    }
    if begins([0xFF, 0xFE, 0, 0]) || begins([0, 0, 0xFE, 0xFF]) {
      self = .utf32
    } else if begins([0xFF, 0xFE]) || begins([0xFE, 0xFF]) {
      self = .utf16
    } else if text.count >= 4, text[0] != 0, text[1] == 0, text[2] != 0, text[3] == 0 {
      self = .utf16LittleEndian
    } else if text.count >= 4, text[0] == 0, text[1] != 0, text[2] == 0, text[3] != 0 {
      self = .utf16BigEndian
    } else {
      return nil
    }
  }
}

/// Files that people mistake for a key's: they hold keys for other programs, or something else.
package enum OtherForm: Sendable, CaseIterable {
  /// `~/.aliyun/config.json`, a list of profiles.
  case commandLine
  /// `~/.alibabacloud/credentials`, profiles in ini form.
  case ini
  /// The API's answer when no format is requested; also an HTML page, saved instead of the CSV.
  case xml
  case pem

  /// Recognises a text that isn't JSON by its beginning.
  init?(of text: Span<UInt8>, from first: Int) {
    switch text[first] {
    case UInt8(ascii: "["): self = .ini
    case UInt8(ascii: "<"): self = .xml
    case UInt8(ascii: "-"): self = .pem
    default: return nil
    }
  }

  /// The description of the file, and the fix.
  var words: (why: String, fix: String) {
    switch self {
    case .commandLine:
      (
        "this is the aliyun command line's configuration, with profiles",
        "write the key of one of them alone: "
          + "jq '.profiles[] | select(.name == \"NAME\") | {access_key_id, access_key_secret}' FILE | "
          + "install -m 0400 /dev/stdin NEWFILE"
      )
    case .ini:
      (
        "this is an ini file with sections",
        "write the lines access_key_id = … and access_key_secret = … of one of them alone"
      )
    case .xml: ("this is XML or HTML", "write the AccessKey's CSV from the RAM console, JSON, or NAME=value lines")
    case .pem:
      (
        "this is a PEM file, of a certificate or a private key",
        "write the AccessKey's CSV from the RAM console, JSON, or NAME=value lines"
      )
    }
  }
}
