"""Ways of the vendor's packages that keep the credential that they began with."""

import os

import alibaba
import recorder
from place import consumer


def variables(place):
    """Sets what `eval`, `EnvironmentFile=` and `--env-file` set."""
    session = place.get()
    for prefix, token in (("ALIBABA_CLOUD_", "SECURITY_TOKEN"), ("OSS_", "SESSION_TOKEN")):
        os.environ[prefix + "ACCESS_KEY_ID"] = session["AccessKeyId"]
        os.environ[prefix + "ACCESS_KEY_SECRET"] = session["AccessKeySecret"]
        os.environ[prefix + token] = session["SecurityToken"]


@consumer("variables")
def from_variables(place):
    variables(place)
    from alibabacloud_credentials.client import Client

    request = alibaba.sts_client(place, Client())

    def after():
        request()
        variables(place)  # Seen by nobody.

    return after


@consumer("new-variables")
def from_new_variables(place):
    """Variables are read when the package is imported, and a new client doesn't change that."""
    variables(place)
    from alibabacloud_credentials.client import Client

    def request():
        alibaba.sts_client(place, Client())()

    def after():
        variables(place)
        request()

    return after


@consumer("sts-token-profile")
def sts_token_profile(place):
    session = place.get()
    alibaba.profile(
        place, mode="StsToken", access_key_id=session["AccessKeyId"], access_key_secret=session["AccessKeySecret"],
        sts_token=session["SecurityToken"], region_id="cn-hangzhou")
    from alibabacloud_credentials.client import Client

    return alibaba.sts_client(place, Client())


@consumer("openapi-static")
def openapi_static(place):
    """A credential beside an AccessKey: the AccessKey wins, and is static."""
    from alibabacloud_credentials.client import Client
    from alibabacloud_sts20150401.client import Client as STS
    from alibabacloud_tea_openapi.models import Config

    session = place.get()
    client = STS(Config(
        credential=Client(provider=alibaba.provider(place)), access_key_id=session["AccessKeyId"],
        access_key_secret=session["AccessKeySecret"], security_token=session["SecurityToken"], endpoint=place.sts,
        protocol="https", ca=place.authority, region_id="cn-hangzhou"))
    return lambda: client.get_caller_identity() and None


@consumer("sdk-core")
def sdk_core(place):
    from aliyunsdkcore.auth.credentials import StsTokenCredential
    from aliyunsdkcore.client import AcsClient
    from aliyunsdkcore.request import CommonRequest

    session = place.get()
    credential = StsTokenCredential(session["AccessKeyId"], session["AccessKeySecret"], session["SecurityToken"])
    host, port = place.sts.split(":")
    client = AcsClient(
        region_id="cn-hangzhou", credential=credential, verify=place.authority, port=int(port), auto_retry=False)

    def request():
        call = CommonRequest(domain=host, version="2015-04-01", action_name="GetCallerIdentity")
        call.set_protocol_type("https")
        call.set_method("POST")
        client.do_action_with_exception(call)

    return request


@consumer("fc2")
def fc2(place):
    import fc2

    session = place.get()
    service = recorder.Recorder(place, recorder.fc, b"{}")
    client = fc2.Client(
        endpoint=service.url, accessKeyID=session["AccessKeyId"], accessKeySecret=session["AccessKeySecret"],
        securityToken=session["SecurityToken"])

    def request():
        client.list_services()
        return service.result()

    return request


@consumer("fc2-set")
def fc2_set(place):
    """The three fields may be set in place, by who knows of the rotation."""
    import fc2

    service = recorder.Recorder(place, recorder.fc, b"{}")
    client = fc2.Client(endpoint=service.url, accessKeyID="-", accessKeySecret="-", securityToken="-")

    def request():
        session = place.get()
        client.auth.id, client.auth.secret = session["AccessKeyId"], session["AccessKeySecret"]
        client.auth.security_token = session["SecurityToken"]
        client.list_services()
        return service.result()

    return request


@consumer("pyodps-file")
def pyodps_file(place):
    """The file is read again when it has expired, but the new token goes with a signature by the old secret."""
    os.environ["ODPS_STS_ACCOUNT_FILE"] = place.files["odps"]
    from odps import ODPS

    return alibaba.odps_request(place, lambda url: ODPS(project="project", endpoint=url, region_name="cn-hangzhou"))


@consumer("oss2-static")
def oss2_static(place):
    import oss2

    session = place.get()
    auth = oss2.StsAuth(session["AccessKeyId"], session["AccessKeySecret"], session["SecurityToken"], auth_version="v4")
    return alibaba.oss2_request(place, auth)


@consumer("oss-v2-variables")
def oss_v2_variables(place):
    import alibabacloud_oss_v2 as oss

    variables(place)
    request = alibaba.oss_v2_request(place, oss.credentials.EnvironmentVariableCredentialsProvider())

    def after():
        variables(place)
        return request()

    return after


@consumer("ossfs-fsspec")
def ossfs_fsspec(place):
    import ossfs

    session = place.get()
    system = ossfs.OSSFileSystem(
        key=session["AccessKeyId"], secret=session["AccessKeySecret"], token=session["SecurityToken"],
        endpoint=f"https://{place.oss}")
    return lambda: system.pipe_file(f"bucket/{place.role}", b"x") and None
