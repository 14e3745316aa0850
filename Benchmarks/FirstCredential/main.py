"""Takes a credential with the vendor's package, and prints the seconds from making its provider to the credential, without imports.

main.py external COMMAND: from an external program. main.py assume-role ENDPOINT ROLE_ARN CA_FILE: by AssumeRole, signed with the AccessKey in
the environment.
"""

import os
import sys
import time

import requests.adapters
from alibabacloud_credentials.provider import ExternalCredentialsProvider, RamRoleArnCredentialsProvider

kind, *words = sys.argv[1:]
if kind == "assume-role":
    # The package has no option for it, and doesn't read REQUESTS_CA_BUNDLE.
    requests.adapters.DEFAULT_CA_BUNDLE_PATH = words[2]
started = time.monotonic()
if kind == "external":
    provider = ExternalCredentialsProvider(process_command=words[0])
else:
    provider = RamRoleArnCredentialsProvider(
        access_key_id=os.environ["ACCESS_KEY_ID"], access_key_secret=os.environ["ACCESS_KEY_SECRET"],
        sts_endpoint=words[0], role_arn=words[1], role_session_name="bench")
credential = provider.get_credentials()
taken = time.monotonic() - started
assert credential.get_access_key_id().startswith("STS.") and credential.get_security_token()
print("seconds", taken)
