import CloudAPI
import Upload

/// The description of each file: by `--titles`, the file's sidecar, the options, and the file itself, in this order.
struct VideoDescriptions {
  let options: VideoMetadata
  let titles: TitleList?

  /// Throws for options that VOD wouldn't accept for any file.
  static func check(_ options: VideoMetadata) throws(VideoDetailsError) {
    _ = try VideoDetails(draft(options, title: "title", fileName: "name.mp4", size: nil))
  }

  func details(of file: VideoFile) throws(UploadResult.Trouble) -> VideoDetails {
    let sidecar: VideoMetadata?
    do throws(SidecarError) {
      sidecar = try Sidecar.read(beside: file.path)
    } catch {
      throw UploadResult.Trouble(error: "\(error)", fix: error.fix)
    }
    var metadata = sidecar?.over(options) ?? options
    if let title = titles?.title(of: file) { metadata.title = title }
    do throws(VideoDetailsError) {
      return try VideoDetails(Self.draft(metadata, title: file.title, fileName: file.name, size: file.identity.size))
    } catch let first {
      let error = metadata.title == nil ? Self.flaw(ofName: file, metadata) ?? first : first
      let fix =
        switch error.parameter {
        case "FileSize": "split the file, or leave it out"
        case "FileName": "rename the file, and run again"
        case "Title": "change it in the sidecar, by --titles or by --title, and run again"
        default: "change it in the sidecar or by an option, and run again"
        }
      throw UploadResult.Trouble(error: "\(error)", fix: fix)
    }
  }

  /// What is wrong with the file's name itself, for which another title is no remedy.
  private static func flaw(ofName file: VideoFile, _ metadata: VideoMetadata) -> VideoDetailsError? {
    do throws(VideoDetailsError) {
      _ = try VideoDetails(draft(metadata, title: "title", fileName: file.name, size: nil))
    } catch {
      return error.parameter == "FileName" ? error : nil
    }
    return nil
  }

  private static func draft(_ metadata: VideoMetadata, title: String, fileName: String, size: Int64?)
    -> VideoDetails.Draft
  {
    // The name without its directory, which isn't disclosed to VOD.
    var draft = VideoDetails.Draft(title: metadata.title ?? title, fileName: fileName, fileSize: size)
    draft.description = metadata.description
    draft.tags = metadata.tags ?? []
    draft.coverURL = metadata.coverURL
    draft.userData = metadata.userData
    draft.categoryID = metadata.categoryID
    draft.templateGroupID = metadata.templateGroupID
    draft.workflowID = metadata.workflowID
    draft.storageLocation = metadata.storageLocation
    draft.appID = metadata.appID
    draft.enableFirstFrameCover = metadata.enableFirstFrameCover
    draft.generateThumbnail = metadata.generateThumbnail
    return draft
  }
}
