import CloudAPI

extension FileUpload.Progress {
  /// Reads the progress of a file in a journal. Nil if the journal contains something that VOD never answers.
  package init?(_ state: FileState) {
    self.init()
    if let text = state.referenceID {
      guard let id = ReferenceID(text) else { return nil }
      referenceID = id
    }
    if let video = state.video {
      guard let address = UploadAddress(bucket: video.bucket, endpoint: video.endpoint, key: video.key) else {
        return nil
      }
      videoID = video.videoID
      self.address = address
    }
    if let upload = state.upload {
      uploadID = upload.uploadID
      unit = Int(upload.unit)
      parts = upload.parts
    }
    isCompleting = state.completing != nil
    switch state.outcome {
    case .done(let proof): ending = .done(proof)
    case .unconfirmed(let reason): ending = .unconfirmed(reason: reason)
    case .damaged(let reason): ending = .damaged(reason: reason)
    case .failed, .changed, nil: break
    }
  }
}

extension JournalRecord {
  /// `file` is the file's number in the journal.
  init(_ record: FileUpload.Record, of file: Int) {
    self =
      switch record {
      case .reference(let id): .reference(file, referenceID: id.description)
      case .video(let id, let requestID, let address, let region):
        .video(
          file,
          VideoRecord(
            videoID: id, requestID: requestID ?? "", bucket: address.bucket, endpoint: address.endpoint,
            key: address.key, region: region))
      case .upload(let id, let unit): .upload(file, uploadID: id, unit: Int64(unit))
      case .part(let part): .part(file, part)
      case .restarted: .restarted(file)
      case .completing(let isMultipart): .completing(file, isMultipart ? .multipart : .put)
      case .refused: .refused(file)
      case .ended(.done(let proof)): .done(file, proof)
      case .ended(.unconfirmed(let reason)): .unconfirmed(file, reason: reason)
      case .ended(.damaged(let reason)): .damaged(file, reason: reason)
      }
  }
}
