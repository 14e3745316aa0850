package import CloudAPI
package import Core

extension FileUpload {
  package struct Options: Hashable, Sendable {
    /// How often an operation is tried that fails in passing, at least once.
    package var tries = 8
    /// The usual size of a part, in bytes; a smaller one where a credential's life asks for it, a larger one where 2,000 don't suffice.
    package var partSize = 16 * 1024 * 1024
    /// Larger files go in parts, in bytes; at most 5 GB.
    package var largestPut = 16 * 1024 * 1024
    /// How many parts of a file are on their way at once, at least one.
    package var partsAtOnce = 4
    /// How many bytes a second one of all requests at once gets where a limit is set; nil without one. Until a part has shown how fast it
    /// goes, it says how much a credential lasts for.
    package var expectedRate: Double?
    /// Whether an object counts as whole although OSS named no CRC of it.
    package var allowsMissingCRC = false
    /// Whether a file that an earlier run left as not confirmed is taken up again.
    package var retriesUnconfirmed = false

    package init() {}
  }

  /// What an earlier run wrote of this file.
  package struct Progress: Hashable, Sendable {
    package var referenceID: ReferenceID?
    package var videoID: String?
    package var address: UploadAddress?
    package var uploadID: String?
    /// In bytes; nil without an upload id.
    package var unit: Int?
    package var parts: [FinishedPart] = []
    /// Whether Complete or the single PUT may have been sent.
    package var isCompleting = false
    package var ending: Ending?

    package init() {}
  }

  /// How an earlier run ended a file for good.
  package enum Ending: Hashable, Sendable {
    case done(Proof)
    case unconfirmed(reason: String)
    /// The object is stored and isn't the file.
    case damaged(reason: String)
  }

  /// What is to be written down.
  package enum Record: Hashable, Sendable {
    case reference(ReferenceID)
    case video(id: String, requestID: String?, address: UploadAddress, region: String?)
    case upload(id: String, unit: Int)
    case part(FinishedPart)
    /// The upload id is of no use any more, nor are its parts: OSS doesn't have them, or they were removed.
    case restarted
    case completing(isMultipart: Bool)
    /// Nothing has come of what `completing` or `reference` announced, for certain.
    case refused
    case ended(Ending)
  }

  /// A call to VOD.
  package enum Call: Hashable, Sendable {
    case create(referenceID: ReferenceID)
    case find(referenceID: ReferenceID)
    case refresh(videoID: String)
    case mezzanine(videoID: String)
    /// Has VOD remove the parts of an upload that was given up.
    case removeParts(videoID: String)

    /// Of the API's action.
    var name: String {
      switch self {
      case .create: "CreateUploadVideo"
      case .find, .refresh: "RefreshUploadVideo"
      case .mezzanine: "GetMezzanineInfo"
      case .removeParts: "DeleteMultipartUpload"
      }
    }
  }

  /// A request to OSS, with the upload's `grant`.
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
    /// When it was issued and when it lapses, by this host's time since boot.
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
    /// The record that was to be durable is.
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

  /// What OSS answered.
  package struct Answer: Hashable, Sendable {
    /// Of initiate.
    package var uploadID: String?
    /// Of a part.
    package var etag: String?
    /// As OSS computed it; nil where it named none.
    package var crc: CRC64?
    /// Of what was sent.
    package var sentCRC = CRC64()
    package var requestID: String?

    package init() {}
  }

  /// Tells the outcome of one request from that of another, and from that of a request that was taken back.
  package struct Attempt: Hashable, Sendable {
    let serial: Int
  }

  package enum Effect {
    /// To be written; `.recorded` follows once it is on disk, if `isAwaited`.
    case record(Record, isAwaited: Bool)
    case call(Call, Attempt)
    case send(Request, Attempt)
    /// Ends the requests to OSS that are on their way; their outcomes count no more.
    case cancelRequests
    /// One timer, nil for none, in the place of the one before.
    case wake(Timestamp?)
    case report(Notice)
    case end(Outcome)
  }

  /// What is worth a line for the user.
  package enum Notice: Hashable, Sendable {
    case created(videoID: String, requestID: String?, address: UploadAddress)
    /// An earlier run's upload goes on, with so many bytes stored.
    case resumed(videoID: String, stored: Int)
    case refreshed(requestID: String?)
    /// RefreshUploadVideo isn't allowed; the upload goes on with the credential that it has.
    case refreshDenied(CallFailure)
    case partStored(bytes: Int)
    case retrying(CallFailure, in: Duration)
    case throttled(CallFailure, for: Duration)
    /// OSS knows the upload id no more, and all parts are sent again.
    case restarted
    /// VOD is asked whether the video is finished.
    case confirming
  }

  /// What the next run does with a file that was interrupted.
  package enum Continuation: Hashable, Sendable {
    case goesOn
    /// Its object may be whole.
    case asksVOD
    /// Nothing, unless it is asked to.
    case staysUnconfirmed
  }

  package enum Outcome: Hashable, Sendable {
    case uploaded(Proof)
    /// Nothing is known to be wrong, and nothing is proven; not touched again unless asked for.
    case notConfirmed(reason: String)
    /// The next run goes on with it.
    case failed(CallFailure)
    /// Stored, but not as the file is; not touched again.
    case damaged(reason: String)
  }
}
