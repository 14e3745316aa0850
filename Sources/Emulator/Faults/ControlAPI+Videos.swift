extension ControlAPI {
  /// The videos in the order of their creation, as `GET /videos` answers.
  func list(_ videos: [VideoReport]) -> Fields {
    ["total": .number(Int64(videos.count)), "videos": .list(videos.map { .object(fields(of: $0)) })]
  }

  private func fields(of video: VideoReport) -> Fields {
    var fields: Fields = [
      "video_id": .text(video.id), "account": .text(video.account), "title": .text(video.title),
      "file_name": .text(video.fileName), "bucket": .text(video.object.bucket), "key": .text(video.object.key),
      "status": .text(video.status), "created": .text(video.created.isoText),
    ]
    if let id = video.referenceID { fields.append("reference_id", .text(id)) }
    if let time = video.refreshed { fields.append("refreshed", .text(time.isoText)) }
    if let stored = video.stored {
      fields.append("stored", .text(stored.time.isoText))
      fields.append("size", .number(Int64(stored.size)))
      // Too large for a number in some JSON readers.
      fields.append("crc64", .text(String(stored.crc64)))
      fields.append("writes", .number(Int64(stored.writes)))
    }
    var details: Fields = [:]
    for (name, value) in video.details { details.append(name, .text(value)) }
    fields.append("parameters", .object(details))
    return fields
  }
}
