"""Mistakes that the documents warn of, made on purpose."""

import json
import os

import alibaba
import aws
import lasting
import loopback
from place import consumer


@consumer("fallen-chain")
def fallen_chain(place):
    """A permanent key behind our helper: whoever asks before the daemon is up stays with that."""
    from alibabacloud_credentials.client import Client

    alibaba.profile(place, mode="External", process_command=place.command)
    key, secret = os.environ["PERMANENT_KEY"].split(":")
    place.write(
        ".alibabacloud/credentials.ini", f"[default]\ntype = access_key\naccess_key_id = {key}\naccess_key_secret = {secret}\n")
    return alibaba.sts_client(place, Client())


@consumer("written-back")
def written_back(place):
    """A config.json that the process can write to, behind a symlink."""
    from alibabacloud_credentials.client import Client

    profile = {"name": "default", "mode": "External", "process_command": place.command}
    target = place.write("kept/config.json", json.dumps({"current": "default", "profiles": [profile]}))
    os.makedirs(place.path(".aliyun"))
    os.symlink(target, place.path(".aliyun/config.json"))
    return alibaba.sts_client(place, Client())


@consumer("dashscope")
def dashscope(place):
    """Variables with a whole session, and no API key."""
    lasting.variables(place)
    import dashscope

    def request():
        dashscope.Generation.call(model="qwen-turbo", prompt="text")

    return request


@consumer("other-user")
def other_user(place):
    """The helper runs as somebody else."""
    from alibabacloud_credentials.client import Client
    from alibabacloud_credentials.provider import ExternalCredentialsProvider

    command = f"{os.environ['HELPER_RUNS_BY']} {place.command}"
    return alibaba.sts_client(place, Client(provider=ExternalCredentialsProvider(process_command=command)))


def first_session(place):
    """A shared credentials file that keeps the session of now."""
    session = place.get()
    return place.write(
        "first", f"[default]\naws_access_key_id = {session['AccessKeyId']}\naws_secret_access_key = {session['AccessKeySecret']}\n"
                 f"aws_session_token = {session['SecurityToken']}\n")


def container_beside_file(place):
    """A container URI, and a shared credentials file that an AWS tool asks before it."""
    loopback.container(place)
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = first_session(place)


@consumer("file-before-uri-rclone")
def file_before_uri_rclone(place):
    container_beside_file(place)
    return aws.rclone_request(place)


@consumer("file-before-uri-restic")
def file_before_uri_restic(place):
    container_beside_file(place)
    return aws.restic_request(place)


@consumer("file-before-uri-botocore")
def file_before_uri_botocore(place):
    container_beside_file(place)
    import boto3

    return aws.put(place, boto3.Session())


@consumer("leftover-variables")
def leftover_variables(place):
    """What an `eval` has left, beside a profile that would follow."""
    lasting.variables(place)
    return alibaba.external_profile(place)


@consumer("leftover-variables-uri")
def leftover_variables_uri(place):
    lasting.variables(place)
    return loopback.uri_variable(place)


@consumer("other-hosts")
def other_hosts(place):
    """botocore takes a container URI without TLS from loopback addresses alone; which it refuses is in the error."""
    aws.configure(place)
    import boto3

    path = place.uri.partition("//")[2].partition("/")[2]
    port = place.uri.rpartition(":")[2].partition("/")[0]

    def request():
        refused = []
        for host in "127.0.0.1", "0.0.0.0", "127.1":
            os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"http://{host}:{port}/{path}/aws"
            try:
                boto3.Session().get_credentials()
            except Exception as error:
                refused.append(f"{host}: {error}")
        raise RuntimeError("; ".join(refused))

    return request


@consumer("rclone-bundle")
def rclone_bundle(place):
    """rclone with an authority of its own for AWS."""
    os.environ["AWS_CA_BUNDLE"] = place.authority
    return aws.rclone_process(place)


@consumer("restic-failing")
def restic_failing(place):
    """restic whose helper fails at the first call."""
    aws.configure(place, credentials=place.write(
        "config", "[default]\ncredential_process = rolekeeper get nobody --format aws-process\n"))

    def request():
        aws.restic_request(place)

    return request


@consumer("s3cmd-configured")
def s3cmd_configured(place):
    """s3cmd with a configuration, though an empty one."""
    place.write(".s3cfg", "")
    place.files["aws"] = first_session(place)
    return aws.s3cmd(place)


@consumer("sdk-core-variables")
def sdk_core_variables(place):
    """The older SDK's own variables, beside a session in code."""
    os.environ["ALIYUN_ACCESS_KEY_ID"], os.environ["ALIYUN_ACCESS_KEY_SECRET"] = os.environ["PERMANENT_KEY"].split(":")
    return lasting.sdk_core(place)
