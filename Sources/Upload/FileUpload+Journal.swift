import CloudAPI

extension FileUpload.Progress {
  /// Reads the progress of a file in a journal. Nil if the journal contains something that VOD never answers, or parts that the file
  /// can't have.
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
      guard upload.fits(state.file.identity.size) else { return nil }
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

extension JournalState.Upload {
  /// Whether a file of `size` bytes can have been divided like this (`PartPlan`): into whole units, the last of which ends with
  /// the file.
  fileprivate func fits(_ size: Int64) -> Bool {
    guard (1...Int64(PartPlan.mostBytes)).contains(unit), (size - 1) / unit < PartPlan.mostParts else { return false }
    return parts.allSatisfy { part in
      guard part.offset == Int64(part.number - 1) * unit, part.length > 0, part.length <= size - part.offset else {
        return false
      }
      return part.length % unit == 0 || part.length == size - part.offset
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
