"""Readers of the URI on loopback: the vendor's document, and the one for AWS tools."""

import os

import alibaba
import aws
from place import consumer


@consumer("uri-variable")
def uri_variable(place):
    os.environ["ALIBABA_CLOUD_CREDENTIALS_URI"] = place.uri
    from alibabacloud_credentials.client import Client

    return alibaba.sts_client(place, Client())


@consumer("uri-proxied")
def uri_proxied(place):
    """The package sends even this address to a proxy, whatever NO_PROXY says."""
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    os.environ["HTTP_PROXY"] = os.environ["http_proxy"] = "http://127.0.0.1:9"
    return uri_variable(place)


@consumer("uri-oss2")
def uri_oss2(place):
    import oss2
    from oss2.credentials import EcsRamRoleCredentialsProvider

    return alibaba.oss2_request(place, oss2.ProviderAuthV4(EcsRamRoleCredentialsProvider(place.uri)))


def container(place):
    aws.configure(place)
    os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = place.uri + "/aws"


@consumer("container-botocore")
def container_botocore(place):
    container(place)
    import boto3

    return aws.put(place, boto3.Session())


@consumer("container-minio")
def container_minio(place):
    container(place)
    from minio.credentials import IamAwsProvider

    return aws.minio_request(place, IamAwsProvider())


@consumer("container-rclone")
def container_rclone(place):
    container(place)
    return aws.rclone_request(place)


@consumer("container-rclone-current")
def container_rclone_current(place):
    container(place)
    return aws.rclone_request(place, aws.current_rclone())


@consumer("container-restic")
def container_restic(place):
    container(place)
    return aws.restic_request(place)
