import Core
import Logs

extension Log {
  /// Logs that an earlier process's credential file has no record of its end, so a presumed end applies.
  func write(_ end: PresumedEnd, isRemoved: Bool, role: RoleName? = nil) {
    var fields: [LogField] = [.path(end.path), .expires(UTCTime(seconds: Int64(end.end)))]
    if let role { fields.append(.role(role)) }
    write(isRemoved ? .presumedEndRemoved : .presumedEnd, fields)
  }
}
