"""The vendor's packages, in the ways that follow a rotation: each asks a provider that runs `rolekeeper get`."""

import itertools
import json
import sys
import sysconfig
import types

import recorder
from place import consumer


def provider(place):
    """The line that the documents recommend."""
    from alibabacloud_credentials.provider import ExternalCredentialsProvider

    return ExternalCredentialsProvider(process_command=place.command)


def profile(place, **members):
    """Writes a config.json whose current profile is this one."""
    return place.write(
        ".aliyun/config.json", json.dumps({"current": "default", "profiles": [{"name": "default", **members}]}), 0o400)


def sts_client(place, credential):
    """Asks STS who it is, by the client that all services of the newer packages have."""
    from alibabacloud_sts20150401.client import Client
    from alibabacloud_tea_openapi.models import Config

    client = Client(Config(
        credential=credential, endpoint=place.sts, protocol="https", ca=place.authority, region_id="cn-hangzhou"))
    return lambda: client.get_caller_identity() and None


@consumer("external-profile")
def external_profile(place):
    from alibabacloud_credentials.client import Client

    profile(place, mode="External", process_command=place.command)
    return sts_client(place, Client())


@consumer("external-provider")
def external_provider(place):
    from alibabacloud_credentials.client import Client

    return sts_client(place, Client(provider=provider(place)))


@consumer("log")
def log(place):
    import aliyun.log

    service = recorder.Recorder(place, recorder.log, b'{"projects": [], "count": 0, "total": 0}')
    client = aliyun.log.LogClient(service.url, credentials_provider=provider(place))

    def request():
        # A project would be a part of the host's name.
        client.list_project()
        return service.result()

    return request


@consumer("tablestore")
def tablestore(place):
    import tablestore

    service = recorder.Recorder(place, recorder.tablestore)
    client = tablestore.OTSClient(
        service.url, instance_name="instance", credentials_provider=provider(place),
        retry_policy=tablestore.NoRetryPolicy())

    def request():
        try:
            client.list_table()
        except tablestore.OTSClientError:
            pass  # The answer isn't signed.
        return service.result()

    return request


@consumer("mns")
def mns(place):
    from mns.account import Account
    from mns.queue import Message

    service = recorder.Recorder(place, recorder.mns, b"""<?xml version="1.0"?>
        <Message xmlns="http://mns.aliyuncs.com/doc/v1/"><MessageId>1</MessageId><MessageBodyMD5>1</MessageBodyMD5></Message>""")
    queue = Account(service.url, credentials_provider=provider(place)).get_queue("queue")

    def request():
        queue.send_message(Message("text"))
        return service.result()

    return request


@consumer("pyodps")
def pyodps(place):
    from odps import ODPS
    from odps.accounts import CredentialProviderAccount

    return odps_request(place, lambda url: ODPS(
        account=CredentialProviderAccount(provider(place)), project="project", endpoint=url, region_name="cn-hangzhou"))


def odps_request(place, connect):
    service = recorder.Recorder(place, recorder.odps, b"{}")
    client = connect(service.url)

    def request():
        client.rest.get(f"{service.url}/projects/project")
        return service.result()

    return request


@consumer("oss2")
def oss2(place):
    import oss2

    return oss2_request(place, oss2.ProviderAuthV4(provider(place)))


def oss2_request(place, auth):
    bucket = oss2_bucket(place, auth)
    return lambda: bucket.put_object(place.role, b"x") and None


def oss2_bucket(place, auth):
    import oss2

    return oss2.Bucket(auth, f"https://{place.oss}", "bucket", region="cn-shanghai")


@consumer("oss2-parts")
def oss2_parts(place):
    """One upload, a part of it for each request."""
    import oss2

    bucket = oss2_bucket(place, oss2.ProviderAuthV4(provider(place)))
    upload = bucket.init_multipart_upload(place.role).upload_id
    numbers = itertools.count(1)
    return lambda: bucket.upload_part(place.role, upload, next(numbers), b"x") and None


@consumer("oss-v2")
def oss_v2(place):
    import alibabacloud_oss_v2 as oss
    from alibabacloud_credentials.client import Client

    client = Client(provider=provider(place))

    def session():
        now = client.get_credential()
        return oss.credentials.Credentials(now.access_key_id, now.access_key_secret, now.security_token)

    return oss_v2_request(place, oss.credentials.CredentialsProviderFunc(session))


def oss_v2_request(place, source):
    import alibabacloud_oss_v2 as oss

    config = oss.config.load_default()
    config.credentials_provider, config.region, config.endpoint = source, "cn-shanghai", f"https://{place.oss}"
    config.retry_max_attempts = 1
    client = oss.Client(config)
    return lambda: client.put_object(oss.PutObjectRequest(bucket="bucket", key=place.role, body=b"x")) and None


@consumer("osstorchconnector")
def osstorchconnector(place):
    """The client of OSS Connector for AI/ML, which reads the file by itself. Its package imports PyTorch, which isn't needed for that."""
    place.resolve("bucket.oss.test")
    package = types.ModuleType("connector")
    package.__path__ = [f"{sysconfig.get_paths()['platlib']}/osstorchconnector"]
    sys.modules["connector"] = package
    from connector._oss_client import OssClient

    config = place.write("connector.json", json.dumps({"logLevel": 3, "logPath": place.path("connector.log"), "auditPath": ""}))
    client = OssClient(
        f"https://oss.test:{place.oss.rpartition(':')[2]}", place.files["json"], config, "connector", region="cn-shanghai")

    def request():
        target = client.put_object("bucket", place.role)
        target.write(b"x")
        if target.close() != 0:
            raise RuntimeError(target.error_msg())

    return request
