#!/usr/bin/env python3
"""How long one user waits for a credential while another user's clients misbehave: rounds with and without them, in turn.

Needs root, to be both. The server, the reader and what the server calls get the processor before everybody else (nice -20): it is the
server's sharing that is looked at, not the kernel's. The hostile clients get their part of what is left, however busy the machine is.
Between their rounds these are stopped (SIGSTOP). Prints one line of JSON: times in microseconds, and, of the measured reads of all rounds of a kind, how many there were (`reads`),
how many credentials the others were handed meanwhile (`answers`), how many connections were taken in (`connections`), and how long the
server ran on a processor (`cpu`, nanoseconds), which no other program on the machine changes by much.
"""
import argparse, ctypes, errno, gc, json, os, select, signal, socket, statistics, struct, sys, time

REQUEST = b"GET /v1/roles/uploader/credentials HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def become(uid, gid):
    os.setgroups([gid])
    os.setresgid(uid, uid, 0)
    os.setresuid(uid, uid, 0)


def favour(process, nice=-20):
    """Lets it go before everybody else: its session, where the kernel shares out by sessions (sched(7), autogroup), and itself in there.

    What no session was ever made for, as in some containers, is in a group that takes no nice value (EINVAL); nor is there one in
    the way then.
    """
    try:
        with open(f"/proc/{process}/autogroup", "w") as file:
            file.write(str(nice))
    except FileNotFoundError:
        pass
    except OSError as failure:
        if failure.errno != errno.EINVAL:
            raise
    for thread in os.listdir(f"/proc/{process}/task"):
        try:
            os.setpriority(os.PRIO_PROCESS, int(thread), nice)
        except ProcessLookupError:
            pass  # It ended meanwhile; those that its process makes later take the nice value of who makes them.


def connect(path):
    """A connection, or None where the server's queue is full or it takes no more."""
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(10)
    try:
        one.connect(path)
        one.setblocking(False)
        return one
    except OSError:
        one.close()
        return None


def keep(path, count, opened, due=None):
    """Holds `count` connections, each begun by `opened`, and opens another for each that the server closes."""
    ready = select.epoll()
    held = {}
    last = time.monotonic()
    while True:
        while len(held) < count:
            one = connect(path)
            if one is None:
                break
            try:
                opened(one)
            except OSError:
                pass
            held[one.fileno()] = one
            # What is sent to us isn't read; only the end counts.
            ready.register(one.fileno(), select.EPOLLRDHUP)
        for number, _ in ready.poll(0.2):
            ready.unregister(number)
            held.pop(number).close()
        if due and time.monotonic() - last >= 1:
            last = time.monotonic()
            for one in held.values():
                try:
                    due(one)
                except OSError:
                    pass


def stalled(path, count):
    """Half of them say nothing, half begin a request."""
    halves = [0]

    def opened(one):
        halves[0] += 1
        if halves[0] % 2:
            one.send(REQUEST[:40])

    keep(path, count, opened)


def trickling(path, count):
    keep(path, count, lambda one: one.send(b"G"), lambda one: one.send(b"E"))


def never_reading(path, count):
    def fill(one):
        while True:
            one.send(REQUEST * 100)

    keep(path, count, fill)


def pipelining(path, count, depth=10_000):
    """Each connection sends `depth` requests at once, over and over, and reads all that comes."""
    ready = select.epoll()
    clients = {}
    for _ in range(count):
        one = connect(path)
        if one:
            clients[one.fileno()] = [one, memoryview(b"")]
            ready.register(one.fileno(), select.EPOLLIN | select.EPOLLOUT)
    batch = memoryview(REQUEST * depth)
    while True:
        for number, events in ready.poll():
            client = clients[number]
            try:
                if events & select.EPOLLIN:
                    client[0].recv(1 << 20)
                if events & select.EPOLLOUT:
                    if not client[1]:
                        client[1] = batch
                    client[1] = client[1][client[0].send(client[1][:1 << 16]):]
            except BlockingIOError:
                pass


def one_by_one(path, count):
    """Each request on a connection of its own, as fast as it goes."""
    while True:
        one = connect(path)
        if one:
            one.setblocking(True)
            try:
                one.send(LAST)
                while one.recv(1 << 16):
                    pass
            except OSError:
                pass
            one.close()


def vanishing(path, count):
    """They leave in the middle: half-closed, with answers unread, or at once."""
    while True:
        for way in range(4):
            one = connect(path)
            if not one:
                continue
            try:
                if way == 0:
                    one.send(REQUEST)
                    one.shutdown(socket.SHUT_WR)
                elif way == 1:
                    one.send(REQUEST * 20)
                elif way == 2:
                    one.send(REQUEST[:30])
                    one.shutdown(socket.SHUT_RD)
            except OSError:
                pass
            one.close()


WAYS = {each.__name__: each for each in (stalled, trickling, never_reading, pipelining, one_by_one, vanishing)}


def give_time(one):
    """Half a minute for everything; with settimeout() it would be an error to find the listener's queue full."""
    for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
        one.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", 30, 0))


def rests(server):
    """Whether it waits for something: with work before it, it runs or waits for a processor (state R of proc(5)), and neither sleeps nor
    waits for a disk (S, D)."""
    with open(f"/proc/{server}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] in "SD"


def processor_time(server):
    """Nanoseconds that its first thread, which has the loop, has run (sched(7), /proc/PID/schedstat)."""
    with open(f"/proc/{server}/schedstat") as file:
        return int(file.read().split()[0])


def figures(path, reader, hostile):
    """What the server has counted, which root may see: credentials handed to the others, and connections."""
    os.seteuid(0)
    one = socket.socket(socket.AF_UNIX)
    give_time(one)
    one.connect(path)
    os.seteuid(reader)
    one.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    text = b""
    while chunk := one.recv(1 << 16):
        text += chunk
    one.close()
    values = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if line.startswith("rolekeeper_"))
    handed = values.get(f'rolekeeper_handouts_total{{role="uploader",uid="{hostile}"}}', 0)
    return float(handed), float(values["rolekeeper_connections_total"])


def wait(path, lasting, server, found):
    """Microseconds until a whole credential is there, on a connection of its own or on `lasting`.

    Counts in `found` how often the server was at rest meanwhile, at five looks in a row: whoever waits for a deadline of somebody else's
    finds it so.
    """
    start = time.perf_counter_ns()
    one = lasting or socket.socket(socket.AF_UNIX)
    if not lasting:
        give_time(one)
        one.connect(path)
    one.sendall(REQUEST)
    answered = lambda seconds: select.select([one], [], [], seconds)[0]
    while not answered(0.05):
        looks = 0
        while looks < 5 and rests(server) and not answered(0.002):
            looks += 1
        found["asleep"] += looks == 5
    answer = one.recv(1 << 16)
    while b"\r\n\r\n" not in answer:
        answer += one.recv(1 << 16)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += one.recv(1 << 16)
    took = (time.perf_counter_ns() - start) / 1000
    if not lasting:
        one.close()
    if not head.startswith(b"HTTP/1.1 200 ") or json.loads(body)["Code"] != "Success":
        sys.exit(f"no credential but {head!r} {body!r}")
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--server", type=int, required=True, help="its process")
    parser.add_argument("--called", type=int, action="append", default=[], help="a process that it calls")
    parser.add_argument("--gid", type=int, required=True, help="the group that may connect")
    parser.add_argument("--reader", type=int, required=True, help="the uid that reads")
    parser.add_argument("--hostile", type=int, required=True, help="the uid of the others")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--reads", type=int, default=1000, help="in each round")
    parser.add_argument("--lasting", action="store_true", help="read on one connection instead of many")
    parser.add_argument("ways", nargs="+", metavar="WAY:COUNT", help=f"a way ({', '.join(WAYS)}) and how many connections")
    options = parser.parse_args()

    children = []
    parent = os.getpid()
    for each in options.ways:
        way, _, count = each.partition(":")
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            become(options.hostile, options.gid)
            # It ends with its parent (PR_SET_PDEATHSIG, prctl(2)); becoming somebody else would forget that.
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(0)
            WAYS[way](options.socket, int(count or 1))
        children.append(child)

    def tell(number):
        os.seteuid(0)
        for child in children:
            os.kill(child, number)
        os.seteuid(options.reader)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    favoured = [os.getpid(), options.server] + options.called
    for process in favoured:
        favour(process)
    gc.disable()
    become(options.reader, options.gid)
    rounds = {"quiet": [], "hostile": []}
    found = {"asleep": 0}
    sums = {name: dict.fromkeys(("reads", "answers", "connections", "cpu"), 0) for name in rounds}
    try:
        lasting = None
        if options.lasting:
            lasting = socket.socket(socket.AF_UNIX)
            give_time(lasting)
            lasting.connect(options.socket)
        # Until they are all there, and what the first reads cost is paid.
        end = time.monotonic() + 1
        while time.monotonic() < end:
            wait(options.socket, lasting, options.server, found)
        for _ in range(options.rounds):
            for name, number in (("hostile", signal.SIGCONT), ("quiet", signal.SIGSTOP)):
                tell(number)
                # Until they are at it again, or what they left is served.
                end = time.monotonic() + 0.1
                while time.monotonic() < end:
                    wait(options.socket, lasting, options.server, found)
                before = figures(options.socket, options.reader, options.hostile)
                start = processor_time(options.server)
                took = sorted(wait(options.socket, lasting, options.server, found) for _ in range(options.reads))
                ran = processor_time(options.server) - start
                after = figures(options.socket, options.reader, options.hostile)
                for what, value in zip(
                        sums[name], (len(took), after[0] - before[0], after[1] - before[1], ran)):
                    sums[name][what] += int(value)
                rounds[name].append((took[len(took) // 2], took[len(took) * 99 // 100], took[-1]))
    finally:
        tell(signal.SIGKILL)
        os.seteuid(0)
        for process in favoured:
            favour(process, 0)
    median = lambda name, place: round(statistics.median(each[place] for each in rounds[name]), 1)
    print(json.dumps(found | {f"{name}_{what}": value for name in sums for what, value in sums[name].items()} | {f"{name}_{what}": median(name, place)
                      for name in rounds for place, what in enumerate(("p50", "p99", "longest"))}))


main()
