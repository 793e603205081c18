#!/usr/bin/env python3
"""Measure Dormouse beside workerd: the same project, the same load, in turn, on this machine.

    tests/bench/run.py             some ten minutes
    tests/bench/run.py --quick     some two minutes; for a first look only
    tests/bench/run.py -k insert   only rows whose name contains this

Then one room written three times: in C, in TypeScript here, and the same TypeScript on workerd; and
inserts with and without point-in-time history.

Prints Markdown tables: the storage core beside what the machine allows; then for each row the median
of three interleaved runs, processor time of the server per operation, what the device was given to
write meanwhile, and the ratio, marked where Dormouse loses. DORMOUSE_BIN, WORKERD_BIN and LOAD_BIN name other programs.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import storage
from servers import DORMOUSE, LOAD, SLEEP_SECONDS, WORKERD, Row, Server, load

def rows():
    found = [
        Row("Worker alone, 1 connection", "http", "/worker", connections=1),
        Row("Worker alone, 64 connections", "http", "/worker", connections=64),
        Row("Worker → object fetch, 1 object, 1 connection", "http", "/object/{n}", connections=1),
        Row("Worker → object fetch, 1 object, 64 connections", "http", "/object/{n}", connections=64),
        Row("Worker → object fetch, 1,000 objects, 64 connections", "http", "/object/{n}", connections=64, objects=1000),
    ]
    for objects in (1, 1000):
        for connections in (1, 16, 256):
            name = "durable insert, %s, %d connection%s" % (
                "1 object" if objects == 1 else "1,000 objects", connections, "" if connections == 1 else "s",
            )
            found.append(Row(name, "http", "/insert/{n}", connections=connections, objects=objects))
    found += [
        Row("WebSocket echo, 1 object, 1 socket", "echo", "/echo/one", connections=1),
        Row("WebSocket echo, 1 object, 64 sockets", "echo", "/echo/many", connections=64),
        Row("WebSocket echo, 64 objects, 64 sockets", "echo", "/echo/{n}", connections=64, objects=64),
        Row("broadcast to 1,000 sockets", "broadcast", "/room/large", unit="deliveries/s", connections=1000),
    ]
    return found


HISTORY = ("with history", "without")


def history_row():
    """Enough for the journal to let go of several segments, which is when history costs something."""
    return Row("insert of 2 KB, 100 objects, 64 connections", "http", "/fill/{n}", connections=64, objects=100)


def measure_history(settings):
    """As measure_rows()."""
    servers = [Server(HISTORY[0]), Server(HISTORY[1], args=["--history-days", "0"])]
    return measure_with([history_row()], [server.start() for server in servers], settings)


def measure_rows(chosen, names, settings):
    """{row: {server: [measurement]}}; the servers take turns."""
    return measure_with(chosen, [Server(name).start() for name in names], settings)


def measure_with(chosen, servers, settings):
    names = [server.name for server in servers]
    results = {}
    touched = {server.name: set() for server in servers}
    try:
        for row in chosen:
            results[row] = {name: [] for name in names}
            for server in servers:
                row.prepare(server, touched[server.name])
            for _ in range(settings.runs):
                for server in servers:
                    results[row][server.name].append(row.measure(server, settings))
            print("  " + row.name, file=sys.stderr, flush=True)
    finally:
        for server in servers:
            server.end()
    return results


class Holder:
    """Sockets that are open and silent."""

    def __init__(self, server, sockets, objects, path="/idle/{n}"):
        self.server = server
        self.before = server.rss_kb()
        self.sockets = sockets
        self.process = subprocess.Popen(
            [LOAD, "idle", "--port", str(server.port), "--path", path,
             "--connections", str(sockets), "--objects", str(objects)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )

    def opened(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("%s: %s" % (self.server.name, self.process.stderr.read().strip()))
        return self.kb_each()

    def kb_each(self):
        return (self.server.rss_kb() - self.before) / self.sockets

    def end(self):
        self.process.communicate()


def measure_memory(names, sockets, objects):
    """{server: (KB per open socket, KB per sleeping socket)}"""
    servers = [Server(name).start() for name in names]
    found = {}
    try:
        for server in servers:
            urllib.request.urlopen("http://127.0.0.1:%d/object/warm" % server.port).read()
        time.sleep(1)
        holders = [Holder(server, sockets, objects) for server in servers]
        opened = [holder.opened() for holder in holders]
        time.sleep(SLEEP_SECONDS)
        for holder, kb in zip(holders, opened):
            found[holder.server.name] = (kb, holder.kb_each())
            holder.end()
    finally:
        for server in servers:
            server.end()
    return found


ROOMS = (
    ("in C, on Dormouse", "dormouse", "room-c"),
    ("in TypeScript, on Dormouse", "dormouse", "room"),
    ("the same TypeScript, on workerd", "workerd", "room"),
)
MEMBERS = 1000


def measure_rooms(names, settings, crowds):
    """[(title, {crowd: [measurement]}, KB per member)]; they take turns."""
    found = [
        (title, Server(name, project).start(), {crowd: [] for crowd in crowds})
        for title, name, project in ROOMS if name in names
    ]
    try:
        memory = []
        for _, server, _ in found:
            load("broadcast", server, "/warm", seconds=0.5, connections=10)
            time.sleep(0.5)
            holder = Holder(server, MEMBERS, 1, "/quiet")
            memory.append(holder.opened())
            holder.end()
        for crowd in crowds:
            row = Row("room", "broadcast", "/room", connections=MEMBERS, pipeline=crowd, senders=crowd)
            for _ in range(settings.runs):
                for _, server, measured in found:
                    measured[crowd].append(row.measure(server, settings))
            print("  room, %d at a time" % crowd, file=sys.stderr, flush=True)
    finally:
        for _, server, _ in found:
            server.end()
    return [(title, measured, kb) for (title, _, measured), kb in zip(found, memory)]


def print_rooms(rooms, crowds):
    print("A room of %s members; every message is stored, and durable before anybody sees it.\n" % "{:,}".format(MEMBERS))
    print("| room | messages under way | messages/s in | deliveries/s out | p50 / p99 ms | CPU µs/delivery "
          "| load generator | memory per member |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for crowd in crowds:
        for title, by_crowd, kb in rooms:
            measured = by_crowd[crowd]
            rate = median(measured, "rate")
            print("| %s | %d | %s | %s | %.1f / %.1f | %.2f | %.0f %% of a core | %.1f KB |" % (
                title, crowd, "{:,.0f}".format(rate / MEMBERS), "{:,.0f}".format(rate),
                median(measured, "p50"), median(measured, "p99"), median(measured, "cpu"),
                100 * median(measured, "own_cpu"), kb))
    print()


def time_start(server):
    done = subprocess.run(
        [LOAD, "start", "--port", str(server.port), "--path", "/object/first", "--"] + server.command(),
        capture_output=True, text=True, check=False, env=server.environment, cwd=server.project,
    )
    if done.returncode != 0:
        raise RuntimeError(server.name + ": " + done.stderr.strip())
    return json.loads(done.stdout)["milliseconds"]


def measure_start(names, runs):
    """Of a project that has never run, and of the same one started again."""
    found = [{name: [] for name in names}, {name: [] for name in names}]
    for _ in range(runs):
        for name in names:
            server = Server(name)
            for times in found:
                times[name].append(time_start(server))
            server.end()
    return [{name: statistics.median(times[name]) for name in names} for times in found]


def sync_rate(fresh):
    """Writes of 4 KiB with fdatasync, each second; over what is written already, or beyond it."""
    block = os.urandom(4096)
    with tempfile.NamedTemporaryFile(prefix="dormouse-bench-") as file:
        fd = file.fileno()
        if not fresh:
            os.pwrite(fd, bytes(4096 * 4096), 0)
            os.fsync(fd)
        start = time.monotonic()
        count = 0
        while time.monotonic() - start < 1:
            os.pwrite(fd, block, 4096 * (count if fresh else count % 4096))
            os.fdatasync(fd)
            count += 1
        return count / (time.monotonic() - start)


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    filesystem = subprocess.run(
        ["stat", "-f", "-c", "%T", tempfile.gettempdir()], capture_output=True, text=True, check=False
    ).stdout.strip()
    return "%d cores of %s, %.0f GB, Linux %s, %s" % (os.cpu_count(), model, memory, platform.release(), filesystem)


def version(name):
    program = WORKERD if name == "workerd" else DORMOUSE
    arguments = ["--version"] if name == "workerd" else ["version"]
    done = subprocess.run([program] + arguments, capture_output=True, text=True, check=False)
    words = (done.stdout or name).strip().splitlines()[0]
    return words if words.startswith(name) else name + " " + words


def median(measurements, key):
    return statistics.median(measurement[key] for measurement in measurements)


def cell(measurements):
    errors = sum(measurement["errors"] for measurement in measurements)
    disk = median(measurements, "disk")
    return "%s | %.2f / %.2f | %.1f | %s" % (
        "{:,.0f}".format(median(measurements, "rate")) + (" (%d errors)" % errors if errors else ""),
        median(measurements, "p50"), median(measurements, "p99"), median(measurements, "cpu"),
        "{:,.0f}".format(disk) if disk >= 1 else "–",
    )


def ratio(ours, theirs, less_is_better=False):
    if theirs <= 0:
        return "–"
    loses = ours > theirs if less_is_better else ours < theirs
    return "%.2f%s" % (ours / theirs, " (loses)" if loses else "")


def print_rates(results, names):
    head = ["workload", "unit"]
    for name in names:
        head += [name, "p50 / p99 ms", "CPU µs/op", "disk B/op"]
    if len(names) == 2:
        head += ["rate ×", "CPU ×"]
    print("| " + " | ".join(head) + " |")
    print("|---|---" + "|---:" * (len(head) - 2) + "|")
    for row, measured in results.items():
        line = [row.name, row.unit] + [cell(measured[name]) for name in names]
        if len(names) == 2:
            ours, theirs = measured[names[0]], measured[names[1]]
            line += [
                ratio(median(ours, "rate"), median(theirs, "rate")),
                ratio(median(ours, "cpu"), median(theirs, "cpu"), True),
            ]
        print("| " + " | ".join(line) + " |")


def print_sizes(lines, names):
    print("| size and start | " + " | ".join(names) + (" | × |" if len(names) == 2 else " |"))
    print("|---" + "|---:" * (len(names) + (len(names) == 2)) + "|")
    for title, values, unit in lines:
        line = [title] + ["%.1f %s" % (values[name], unit) for name in names]
        if len(names) == 2:
            line.append(ratio(values[names[0]], values[names[1]], True))
        print("| " + " | ".join(line) + " |")


def measure_sizes(names, settings, wanted):
    lines = []
    if wanted("start"):
        first, again = measure_start(names, settings.runs + 2)
        lines.append(("start to the first answer of an object", first, "ms"))
        lines.append(("the same when it has run before", again, "ms"))
        lines.append(("start after kill -9 under load to the first row read", storage.measure_restart(names), "ms"))
    if wanted("memory"):
        for title, sockets, objects in (
            ("%d sockets on 1 object" % settings.sockets, settings.sockets, 1),
            ("1,000 sockets, one object each", 1000, 1000),
        ):
            memory = measure_memory(names, sockets, objects)
            lines.append((title + ": memory each, open", {n: m[0] for n, m in memory.items()}, "KB"))
            lines.append((title + ": memory each, asleep", {n: m[1] for n, m in memory.items()}, "KB"))
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-k", metavar="TEXT", default="", help="only rows whose name contains this")
    parser.add_argument("--only", choices=["dormouse", "workerd"], help="one of the two")
    parser.add_argument("--runs", type=int)
    settings = parser.parse_args()
    settings.runs = settings.runs or (1 if settings.quick else 3)
    settings.seconds = 0.5 if settings.quick else 1.5
    settings.warmup = 0.1 if settings.quick else 0.3
    settings.sockets = 2000 if settings.quick else 4000

    names = [settings.only] if settings.only else ["dormouse", "workerd"]
    for name, program in (("dormouse", DORMOUSE), ("workerd", WORKERD), ("load", LOAD)):
        if (name in names or name == "load") and not os.path.exists(program):
            sys.exit("there is no %s; build it first" % program)

    def wanted(name):
        return settings.k.lower() in name.lower()

    print("%s\n\n%s. A raw 4 KiB write with fdatasync: %s/s over written blocks, %s/s into fresh ones.\n"
          "Both acknowledge a write only once it is on disk (fdatasync or fsync). Median of %d runs of %.1f s.\n" % (
              ", ".join(version(name) for name in names), machine(),
              "{:,.0f}".format(sync_rate(False)), "{:,.0f}".format(sync_rate(True)),
              settings.runs, settings.seconds))
    if wanted("core") and not settings.only:
        storage.print_core(0.5 if settings.quick else 2)
    chosen = [row for row in rows() + storage.storage_rows() if wanted(row.name)]
    if chosen:
        results = measure_rows(chosen, names, settings)
        print_rates(results, names)
        busiest = max(median(m, "own_cpu") for by_name in results.values() for m in by_name.values())
        print("\nThe load generator used at most %.0f %% of one core.\n" % (busiest * 100))
    if wanted("room"):
        crowds = (1, 16) if settings.quick else (1, 16, 64)
        print_rooms(measure_rooms(names, settings, crowds), crowds)
    if wanted("history") and "dormouse" in names:
        print_rates(measure_history(settings), HISTORY)
        print()
    sizes = measure_sizes(names, settings, wanted)
    if sizes:
        print_sizes(sizes, names)


if __name__ == "__main__":
    main()
