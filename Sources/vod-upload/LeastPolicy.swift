/// The least policy with which everything works, for the role or as its session policy.
enum LeastPolicy {
  /// As `etc/rolekeeper/vod-upload.policy.json` has it. RefreshUploadVideo is what uploads of more than 50 minutes and interrupted ones need. OSS needs
  /// no right of the role: UploadAuth brings a credential for the object.
  static let document = """
    {
      "Version": "1",
      "Statement": [
        {
          "Effect": "Allow",
          "Action": ["vod:CreateUploadVideo", "vod:RefreshUploadVideo"],
          "Resource": "*"
        }
      ]
    }

    """
}
