package import CloudAPI
import Core

/// VOD and OSS, as an upload uses them: calls and requests that end later, each once.
///
/// What is returned keeps the call or request going; let go of, it ends, and its completion isn't called. A completion is called from a later
/// turn of the loop.
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
  /// Bytes of the file that have been read for it.
  var bytesSent: Int { get }
  /// Whether the service may have got all of it, so that it may have done what was asked.
  var mayBeWhole: Bool { get }
}

/// What writes down how a file goes.
package protocol UploadRecorder: AnyObject {
  /// `isDurable` is called from a later turn of the loop, once it is on disk.
  func record(_ record: FileUpload.Record, isDurable: (() -> Void)?)
}
