/// What the role has to be allowed, for its own policy or as its session policy. OSS needs no right of the role: UploadAuth brings a credential
/// for the object.
enum LeastPolicy {
  /// The least with which everything works, as `etc/rolekeeper/vod-upload.policy.json` has it. RefreshUploadVideo is what uploads of more than
  /// 50 minutes and interrupted ones need.
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

  /// The same and the optional rights, in a statement of their own: `etc/rolekeeper/vod-upload-optional.policy.json`.
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

  /// Said beside the policy, which alone goes to stdout.
  static let optional = """
    optional: vod:GetMezzanineInfo, to confirm files whose last request was interrupted
    optional: vod:DeleteMultipartUpload, to remove the parts of uploads that can't be continued
    the policy with both is /etc/rolekeeper/vod-upload-optional.policy.json
    """
}
