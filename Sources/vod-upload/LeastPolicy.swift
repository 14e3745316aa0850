/// The permissions that the role needs, in its own policy or as its session policy. For OSS it needs none: UploadAuth
/// has a credential for the object.
enum LeastPolicy {
  /// The minimum with which everything works, as in `etc/rolekeeper/vod-upload.policy.json`. RefreshUploadVideo is
  /// needed for uploads of more than 50 minutes and for interrupted ones.
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

  /// The same with the optional permissions, in a separate statement: `etc/rolekeeper/vod-upload-optional.policy.json`.
  static let documentWithOptional = """
    {
      "Version": "1",
      "Statement": [
        {
          "Effect": "Allow",
          "Action": ["vod:CreateUploadVideo", "vod:RefreshUploadVideo"],
          "Resource": "*"
        },
        {
          "Effect": "Allow",
          "Action": ["vod:GetMezzanineInfo", "vod:DeleteMultipartUpload"],
          "Resource": "*"
        }
      ]
    }

    """

  /// Printed on stderr, since only the policy goes to stdout.
  static let optional = """
    optional: vod:GetMezzanineInfo, to confirm files whose last request was interrupted
    optional: vod:DeleteMultipartUpload, to remove the parts of uploads that can't be continued
    the policy with both is /etc/rolekeeper/vod-upload-optional.policy.json
    """
}
