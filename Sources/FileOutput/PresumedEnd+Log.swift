import Core
import Logs

extension Log {
  /// A credential file of an earlier process has no record of its end, so it is judged by a presumed one.
  func write(_ end: PresumedEnd, isRemoved: Bool, role: RoleName? = nil) {
    var fields: [LogField] = [.path(end.path), .expires(UTCTime(seconds: Int64(end.end)))]
    if let role { fields.append(.role(role)) }
    write(isRemoved ? .presumedEndRemoved : .presumedEnd, fields)
  }
}
