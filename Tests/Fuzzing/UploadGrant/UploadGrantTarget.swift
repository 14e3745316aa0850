import Core
import FuzzSupport
import JSON

@testable import CloudAPI

/// The answer to CreateUploadVideo. The input's first two lines are the HTTP status and `Date`; the third is what UploadAddress is the
/// base64 of, the rest what UploadAuth is. The last two are also read as a body of their own.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  var rest = UnsafeBufferPointer(start: data, count: size)[...]
  let status = Int(takeLine(&rest)) ?? 200
  let now = UTCTime(httpDate: takeLine(&rest)) ?? UTCTime(seconds: 1_767_323_045)
  let check = GrantCheck(
    status: status, response: VODResponse(httpStatus: status, retryAfter: nil), now: now)
  let body = Array(rest)
  check.check(body)

  let address = rest.prefix { $0 != UInt8(ascii: "\n") }
  let auth = rest.dropFirst(address.count + 1)
  for padded in [true, false] {
    var json = JSONWriter([UInt8]())
    json.object { json in
      json.member("RequestId", "25818875-5F78")
      json.member("VideoId", "93ab850b4f6f44eab54b6e9181d4")
      json.member("UploadAddress", base64(Array(address), padded: padded))
      json.member("UploadAuth", base64(Array(auth), padded: padded))
    }
    check.check(json.finish())
  }
  check.checkDecoding(of: body)
  return 0
}
