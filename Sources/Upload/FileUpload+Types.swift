package import CloudAPI
package import Core

extension FileUpload {
  package struct Options: Hashable, Sendable {
    /// The maximum number of tries of an operation with transient failures, at least one.
    package var tries = 8
    /// The usual size of a part in bytes. Parts are smaller if a credential's lifetime requires it, and larger if 2,000
    /// parts aren't enough.
    package var partSize = 16 * 1024 * 1024
    /// The size in bytes up to which a file is sent in a single PUT; at most 5 GB.
    package var largestPut = 16 * 1024 * 1024
    /// How many parts of a file are sent at once, at least one.
    package var partsAtOnce = 4
    /// The share of one request, in bytes per second, if the rate is limited; otherwise nil. Until a part has shown the
    /// actual rate, it determines how much may be sent with one credential.
    package var expectedRate: Double?
    /// Whether an object counts as complete although OSS reports no CRC.
    package var allowsMissingCRC = false
    /// Whether a file that an earlier run left unconfirmed is uploaded again.
    package var retriesUnconfirmed = false

    package init() {}
  }

  /// The progress of earlier runs, as recorded in the journal.
  package struct Progress: Hashable, Sendable {
    package var referenceID: ReferenceID?
    package var videoID: String?
    package var address: UploadAddress?
    package var uploadID: String?
    /// In bytes; nil without an upload ID.
    package var unit: Int?
    package var parts: [FinishedPart] = []
    /// Whether Complete or the single PUT may have been sent.
    package var isCompleting = false
    package var ending: Ending?

    package init() {}
  }

  /// The final result of a file in an earlier run.
  package enum Ending: Hashable, Sendable {
    case done(Proof)
    case unconfirmed(reason: String)
    /// The object is stored and isn't the file.
    case damaged(reason: String)
  }

  /// Something to be written to the journal.
  package enum Record: Hashable, Sendable {
    case reference(ReferenceID)
    case video(id: String, requestID: String?, address: UploadAddress, region: String?)
    case upload(id: String, unit: Int)
    case part(FinishedPart)
    /// The upload ID and its parts are useless: OSS doesn't have them, or they were removed.
    case restarted
    case completing(isMultipart: Bool)
    /// It is certain that what `completing` or `reference` announced wasn't carried out.
    case refused
    case ended(Ending)
  }

  /// A call to VOD.
  package enum Call: Hashable, Sendable {
    case create(referenceID: ReferenceID)
    case find(referenceID: ReferenceID)
    case refresh(videoID: String)
    case mezzanine(videoID: String)
    /// Has VOD remove the parts of an abandoned upload.
    case removeParts(videoID: String)

    /// The name of the API's action.
    var name: String {
      switch self {
      case .create: "CreateUploadVideo"
      case .find, .refresh: "RefreshUploadVideo"
      case .mezzanine: "GetMezzanineInfo"
      case .removeParts: "DeleteMultipartUpload"
      }
    }
  }

  /// A request to OSS, with the current `grant`.
  package enum Request: Hashable, Sendable {
    /// The whole file.
    case put
    case initiate
    case part(number: Int, uploadID: String, range: Range<Int>)
    case complete(uploadID: String, parts: [FinishedPart])
    case abort(uploadID: String)
  }

  /// A credential for the object of this file.
  package struct Grant {
    package let content: UploadGrant
    /// When it was issued and when it expires, by this host's time since boot.
    package let issued: Timestamp
    package let lapses: Timestamp

    package init(_ content: UploadGrant, issued: Timestamp, lapses: Timestamp) {
      self.content = content
      self.issued = issued
      self.lapses = lapses
    }

    var life: Duration { lapses - issued }
  }

  package enum Event {
    /// The record that had to be durable is on the disk.
    case recorded
    case granted(Grant, Attempt)
    case mezzanine(MezzanineInfo, Attempt)
    case partsRemoved(Attempt)
    case callFailed(CallFailure, Attempt)
    case stored(Answer, Attempt)
    case storeFailed(CallFailure, Attempt)
    /// The time of `wake` has come.
    case timer
  }

  /// The content of an answer of OSS.
  package struct Answer: Hashable, Sendable {
    /// Of initiate.
    package var uploadID: String?
    /// Of a part.
    package var etag: String?
    /// As computed by OSS; nil if OSS reports none.
    package var crc: CRC64?
    /// The CRC of what was sent.
    package var sentCRC = CRC64()
    package var requestID: String?

    package init() {}
  }

  /// Distinguishes the outcome of a request from those of other requests, cancelled ones included.
  package struct Attempt: Hashable, Sendable {
    let serial: Int
  }

  package enum Effect {
    /// To be written to the journal; if `isAwaited`, `.recorded` follows once it is on the disk.
    case record(Record, isAwaited: Bool)
    case call(Call, Attempt)
    case send(Request, Attempt)
    /// Cancels the requests to OSS in progress, and ignores their outcomes.
    case cancelRequests
    /// Sets the timer, replacing the previous time; nil: no timer.
    case wake(Timestamp?)
    case report(Notice)
    case end(Outcome)
  }

  /// Something to report to the user.
  package enum Notice: Hashable, Sendable {
    case created(videoID: String, requestID: String?, address: UploadAddress)
    /// An earlier run's upload continues, with this many bytes stored.
    case resumed(videoID: String, stored: Int)
    case refreshed(requestID: String?)
    /// RefreshUploadVideo isn't allowed; the upload continues with its present credential.
    case refreshDenied(CallFailure)
    case partStored(bytes: Int)
    case retrying(CallFailure, in: Duration)
    case throttled(CallFailure, for: Duration)
    /// OSS no longer knows the upload ID, and all parts are sent again.
    case restarted
    /// VOD is asked whether the video is finished.
    case confirming
    /// GetMezzanineInfo isn't allowed; a file that an earlier run began is continued without VOD's word on it.
    case checkDenied(CallFailure)
  }

  /// What the next run does with a file that was interrupted.
  package enum Continuation: Hashable, Sendable {
    case goesOn
    /// Its object may be whole.
    case asksVOD
    /// Nothing, unless it is asked to.
    case staysUnconfirmed
  }

  /// How the reason of a file that isn't confirmed begins if the video has a file of another size: that needs other advice, also in later
  /// runs, for which the journal keeps the reason.
  static let otherFile = "VOD has a file of"

  package enum Outcome: Hashable, Sendable {
    case uploaded(Proof)
    /// Neither an error nor success is proven; the file isn't uploaded again unless requested.
    case notConfirmed(reason: String)
    /// The next run continues with it.
    case failed(CallFailure)
    /// The stored object differs from the file; it isn't touched again.
    case damaged(reason: String)
  }
}
