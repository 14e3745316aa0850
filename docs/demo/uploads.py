#!/usr/bin/env python3
"""Uploads batches of made-up videos by vod-upload, and compares every byte of what the emulator's OSS stored with the file.

Runs until SIGTERM or SIGINT, and at least one batch, then prints one line of JSON with what it saw. Exits 0 only if every file of every batch
was uploaded and is stored as it is.
"""
import argparse, filecmp, json, os, random, signal, subprocess, sys

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--directory", required=True, help="where to make files")
parser.add_argument("--objects", required=True, help="the emulator's --objects")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("command", nargs="+", help="vod-upload and its options, behind --")
options = parser.parse_args()

chance = random.Random(options.seed)
stopped = False
seen = {"batches": 0, "files": 0, "bytes": 0, "wrong": 0}


def stop(*_):
    global stopped
    stopped = True


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)


def make_batch(number):
    directory = os.path.join(options.directory, f"batch-{number}")
    os.makedirs(directory)
    for index in range(4):
        # From nothing to 4 MB, small ones as often as large ones.
        size = int(2 ** chance.uniform(0, 22)) - 1
        with open(os.path.join(directory, f"video-{index}.mp4"), "wb") as file:
            file.write(chance.randbytes(size))
    return directory


def stored_at(address):
    return os.path.join(options.objects, address.removeprefix("oss://"))


while not stopped or seen["batches"] == 0:
    directory = make_batch(seen["batches"])
    report = directory + ".json"
    # In a session of its own: a signal to the demo doesn't end a batch half-way.
    ended = subprocess.run(
        options.command + ["--journal", directory + ".journal", "--report", report, directory],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    with open(report) as file:
        rows = json.load(file)
    wrong = [
        row["path"] for row in rows
        if row["status"] != "uploaded" or not filecmp.cmp(row["path"], stored_at(row["object_address"]), shallow=False)
    ]
    seen["batches"] += 1
    seen["files"] += len(rows)
    seen["bytes"] += sum(row["size"] for row in rows)
    seen["wrong"] += len(wrong)
    if ended.returncode != 0 or wrong or len(rows) != 4:
        print(f"demo: vod-upload ended with status {ended.returncode}; not stored as they are: {wrong}", file=sys.stderr)
        print(ended.stdout, file=sys.stderr)
        print(json.dumps(seen))
        sys.exit(1)

print(json.dumps(seen))
