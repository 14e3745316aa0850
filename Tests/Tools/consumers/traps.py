"""Mistakes that the documents warn of, made on purpose."""

import json
import os

import alibaba
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
    import lasting

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
