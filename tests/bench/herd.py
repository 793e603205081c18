#!/usr/bin/env python3
"""A herd of sleeping sockets on one Dormouse.

    tests/bench/herd.py [SOCKETS] [OBJECTS]        (1,000,000 on 1,000)

Opens them, lets their objects fall asleep, says what a sleeper costs the process and the kernel, and then wakes
some, one by one, to see how long one of many waits for its answer. A million wants
`ulimit -n 1048576` and some 16 GB, client and kernel included; `make bench` leaves it out.
"""

import json
import resource
import subprocess
import sys
import time

from servers import LOAD, SLEEP_SECONDS, Server

WAKES = 20000
SPARE_FILES = 3000  # what a server keeps for objects that are awake


def kernel_mb():
    """What the kernel has for sockets, files and the rest, both ends of each connection counted."""
    with open("/proc/meminfo", encoding="ascii") as info:
        kb = {line.split(":")[0]: int(line.split()[1]) for line in info}
    return (kb["Slab"] + kb["PageTables"]) / 1024


def say(name, value):
    print("%-52s %s" % (name, value), flush=True)


def main():
    sockets = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    objects = int(sys.argv[2]) if len(sys.argv) > 2 else max(1, sockets // 1000)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limit < sockets + SPARE_FILES:
        sys.exit("a process may have %d files here, which is too few (ulimit -Hn)" % limit)

    server = Server("dormouse").start()
    command = [LOAD, "idle", "--port", str(server.port), "--path", "/echo/room-{n}",
               "--connections", str(sockets), "--objects", str(objects)]
    try:
        before, kernel_before = server.rss_kb(), kernel_mb()
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        opened = json.loads(holder.stdout.readline() or sys.exit("they could not be opened"))
        say("sockets open, on %s objects" % format(objects, ","), format(opened["open"], ","))
        say("opened per second, client on the same machine", format(round(opened["open"] / opened["seconds"]), ","))
        say("the process, each open", "%.2f KB" % ((server.rss_kb() - before) / sockets))
        time.sleep(SLEEP_SECONDS)
        say("the process, each asleep", "%.2f KB" % ((server.rss_kb() - before) / sockets))
        say("the process as a whole", "%.0f MB" % (server.rss_kb() / 1024))
        say("the kernel, each, both ends", "%.2f KB" % ((kernel_mb() - kernel_before) * 1024 / sockets))
        cpu = server.cpu_seconds()
        time.sleep(5)
        say("processor time of the sleeping process", "%.2f %%" % ((server.cpu_seconds() - cpu) / 5 * 100))
        for turn in ("the first time", "again"):
            holder.stdin.write("wake %d\n" % WAKES)
            holder.stdin.flush()
            woken = json.loads(holder.stdout.readline())
            say("one wakes and is answered, %s, p50 / p99 / max" % turn,
                "%.2f / %.2f / %.1f ms" % (woken["p50_ms"], woken["p99_ms"], woken["max_ms"]))
        holder.communicate()
    finally:
        server.end()


if __name__ == "__main__":
    main()
