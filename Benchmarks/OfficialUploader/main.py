"""Uploads the files of a directory with the vendor's packages: main.py VOD_ENDPOINT DIRECTORY.

The session comes in the environment. Prints how many files were uploaded and how many seconds that took, without the start of Python.
"""

import base64
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import oss2
from alibabacloud_tea_openapi.models import Config
from alibabacloud_vod20170321.client import Client
from alibabacloud_vod20170321.models import CreateUploadVideoRequest
from oss2.credentials import StaticCredentialsProvider

THREADS = 4

endpoint, directory = sys.argv[1:]
environment = os.environ
vod = Client(Config(
    endpoint=endpoint, protocol="https", ca=environment["REQUESTS_CA_BUNDLE"], region_id="cn-shanghai",
    access_key_id=environment["ALIBABA_CLOUD_ACCESS_KEY_ID"],
    access_key_secret=environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
    security_token=environment["ALIBABA_CLOUD_SECURITY_TOKEN"]))
# One for all objects, so that connections are kept.
connections = oss2.Session(pool_size=THREADS)


def read(text):
    return json.loads(base64.b64decode(text))


def upload(name):
    path = os.path.join(directory, name)
    video = vod.create_upload_video(CreateUploadVideoRequest(
        title=os.path.splitext(name)[0], file_name=name, file_size=os.path.getsize(path))).body
    address, auth = read(video.upload_address), read(video.upload_auth)
    provider = StaticCredentialsProvider(auth["AccessKeyId"], auth["AccessKeySecret"], auth["SecurityToken"])
    bucket = oss2.Bucket(
        oss2.ProviderAuthV4(provider), address["Endpoint"], address["Bucket"], region=auth["Region"],
        session=connections)
    # Raises where the service or the checksum says that it isn't stored.
    bucket.put_object_from_file(address["FileName"], path)


names = sorted(os.listdir(directory))
started = time.monotonic()
with ThreadPoolExecutor(THREADS) as threads:
    for _ in threads.map(upload, names):
        pass
print("seconds", time.monotonic() - started)
print("files", len(names))
