package import CloudAPI
import Core

/// VOD and OSS as an upload uses them. Each call or request completes later, once.
///
/// The returned object must be kept: if it is released, the call or request is cancelled, and its completion isn't
/// called. A completion is called from a later turn of the loop.
package protocol UploadCloud: AnyObject {
  /// `details` are the parameters of CreateUploadVideo.
  func make(
    _ call: FileUpload.Call, for details: VideoDetails, completion: @escaping (Result<CallAnswer, CallFailure>) -> Void
  ) -> AnyObject

  /// Sends what `request` says of `file` to the place and with the credential of `grant`. With `keepingObject` nothing replaces an object that is
  /// there: that is an error (`objectExists`).
  func send(
    _ request: FileUpload.Request, of file: SourceFile, with grant: FileUpload.Grant, keepingObject: Bool,
    completion: @escaping (Result<FileUpload.Answer, CallFailure>) -> Void
  ) -> any SentRequest
}

package enum CallAnswer {
  case grant(FileUpload.Grant)
  case mezzanine(MezzanineInfo)
  case partsRemoved
}

package protocol SentRequest: AnyObject {
  /// The number of bytes of the file that have been read for it.
  var bytesSent: Int { get }
  /// Whether the service may have received all of it, so that it may have been carried out.
  var mayBeWhole: Bool { get }
}

/// Records the progress of a file.
package protocol UploadRecorder: AnyObject {
  /// `isDurable` is called from a later turn of the loop, when the record is on the disk.
  func record(_ record: FileUpload.Record, isDurable: (() -> Void)?)
}
