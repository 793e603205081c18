"""Storage, beside workerd through HTTP and beside what the machine allows without any of ours.

run.py takes the rows from here; nothing is to be run by itself.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from servers import LOAD, SLEEP_SECONDS, Row, Server, load

BENCH_STORE = os.environ.get("BENCH_STORE_BIN", os.path.join(os.path.dirname(LOAD), "bench_store"))
BARE = os.environ.get("BARE_BIN", os.path.join(os.path.dirname(LOAD), "bare"))
WAKES = 300

CORE_LINE = re.compile(
    r"(?P<what>insert|kv put|shards)\s+(?P<clients>\d+) in flight,\s+(?P<objects>\d+) objects:\s+(?P<rate>\d+)/s"
    r"\s+p50\s+(?P<p50>\d+) us\s+p99\s+(?P<p99>\d+) us\s+cpu (?P<cpu>[\d.]+) us\s+written (?P<bytes>\d+) B"
)


class FreshRow(Row):
    """Each operation is the first that its object sees."""

    def __init__(self, name, path, **options):
        super().__init__(name, "http", path, **options)
        self.next = 0

    def prepare(self, server, touched):
        pass

    def measure(self, server, settings):
        self.next += 100000
        self.options.update(objects=9999999, first=self.next)
        return super().measure(server, settings)


class ColdRow(Row):
    """Each operation finds its object with data and out of memory."""

    def __init__(self, name, write, read, **options):
        super().__init__(name, "http", read, **options)
        self.write = write
        self.filled = 0.0
        self.taken = {}

    def prepare(self, server, touched):
        fill = 4 * WAKES
        load("http", server, self.write, objects=fill, connections=16, count=fill)
        self.filled = time.monotonic()

    def measure(self, server, settings):
        time.sleep(max(0, self.filled + SLEEP_SECONDS - time.monotonic()))
        first = self.taken.get(server.name, 0)
        self.taken[server.name] = first + WAKES + self.options["connections"]
        before = server.cpu_seconds()
        options = dict(self.options, objects=9999999, count=WAKES)
        if first:
            options["first"] = first
        result = load("http", server, self.path, **options)
        return {
            "rate": result["per_second"],
            "p50": result["p50_ms"],
            "p99": result["p99_ms"],
            "cpu": (server.cpu_seconds() - before) / WAKES * 1e6,
            "disk": 0,
            "rss": server.rss_kb() / 1024,
            "errors": result["errors"],
            "own_cpu": 0,
        }


def clients(number):
    return "%d connection%s" % (number, "" if number == 1 else "s")


def storage_rows():
    found = []
    for objects, name in ((1, "1 object"), (1000, "1,000 objects")):
        for connections in (1, 16, 256):
            found.append(Row(
                "durable KV put, %s, %s" % (name, clients(connections)), "http", "/put/{n}",
                connections=connections, objects=objects,
            ))
    for objects, connections, name in ((1, 1, "1 object"), (1000, 64, "1,000 objects")):
        for kind, path, fill in (("SQL read of a row", "/read/{n}", "/insert/{n}"), ("KV get", "/get/{n}", "/put/{n}")):
            found.append(Row(
                "%s, %s, %s" % (kind, name, clients(connections)), "http", path, fill=fill,
                connections=connections, objects=objects,
            ))
    found += [
        FreshRow("first use of a new object, a durable row, 16 connections", "/insert/new-{n}", connections=16),
        ColdRow(
            "wake of a cold object and a read, 1 connection", "/insert/cold-{n}", "/read/cold-{n}", connections=1,
        ),
        Row("SQL-heavy handler (200 inserts, 200 reads, a GROUP BY), 1 connection", "http", "/heavy/{n}", connections=1),
        Row(
            "SQL-heavy handler, 16 objects, 16 connections", "http", "/heavy/{n}", connections=16, objects=16,
        ),
        Row("SQL toArray() of 1,000 rows, 1 connection", "http", "/rows/{n}", connections=1),
        Row("SQL report (20 aggregates and 20 lists by index), 1 connection", "http", "/report/{n}", connections=1),
    ]
    return found


def measure_restart(names):
    """{server: ms from the start after kill -9 under load to the first answer with data}"""
    found = {}
    for name in names:
        server = Server(name)
        try:
            server.start()
            load("http", server, "/insert/{n}", objects=1000, connections=64, seconds=3)
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            done = subprocess.run(
                [LOAD, "start", "--port", str(server.port), "--path", "/read/0", "--"] + server.command(),
                capture_output=True, text=True, check=False, env=server.environment, cwd=server.project,
            )
            if done.returncode != 0:
                raise RuntimeError(name + ": " + done.stderr.strip())
            found[name] = json.loads(done.stdout)["milliseconds"]
        finally:
            server.end()
    return found


# ---- the core by itself ----


def bare(folder, *arguments):
    home = tempfile.mkdtemp(prefix="bare-", dir=folder)
    done = subprocess.run(
        [BARE, arguments[0], home] + [str(argument) for argument in arguments[1:]],
        capture_output=True, text=True, check=True,
    )
    shutil.rmtree(home)
    return json.loads(done.stdout)


def core_row(title, durability, values, limit=None):
    beside = "" if limit is None else "%.2f%s" % (values["rate"] / limit, "" if values["rate"] >= limit else " (loses)")
    print("| %s | %s | %s | %d / %d | %.1f | %s | %s |" % (
        title, durability, "{:,.0f}".format(values["rate"]), values["p50_us"], values["p99_us"], values["cpu_us"],
        "{:,.0f}".format(values["bytes"]), beside,
    ))


def print_core(seconds):
    """bench_store's lines beside a bare fdatasync loop and SQLite without our layers, same folder."""
    folder = tempfile.mkdtemp(prefix="dormouse-bench-")
    each = "fdatasync before it is acknowledged"
    try:
        print("| storage core, one thread where not said, no HTTP, no JavaScript | durability | ops/s | p50 / p99 µs | CPU µs/op | written B/op | × SQLite |")
        print("|---|---|---:|---:|---:|---:|---:|")
        core_row("bare: 4 KiB in place and fdatasync, in a loop", each, bare(folder, "sync", seconds))
        limits = {}
        for objects, threads in ((1, 1), (1000, 1), (1000, 16)):
            limits[objects, threads] = bare(folder, "sqlite", seconds, objects, threads)
            core_row(
                "bare: SQLite in C, WAL, %s, %d thread%s" % (
                    "1 file" if objects == 1 else "1,000 files", threads, "" if threads == 1 else "s"),
                "synchronous=FULL", limits[objects, threads],
            )
        done = subprocess.run(
            [BENCH_STORE, folder, "one many shards kv read recovery new", str(seconds)],
            capture_output=True, text=True, check=True,
        )
        rest = []
        for line in done.stdout.splitlines():
            match = CORE_LINE.match(line)
            if match is None:
                rest.append(line)
                continue
            many = int(match["objects"]) > 1
            limit = limits[1000, 16 if int(match["clients"]) > 1 else 1] if many else limits[1, 1]
            core_row(
                "durable %s, %s under way, %s" % (
                    match["what"].replace("shards", "insert, two shards"), match["clients"],
                    "1,000 objects" if many else "1 object"),
                each,
                {"rate": float(match["rate"]), "p50_us": int(match["p50"]), "p99_us": int(match["p99"]),
                 "cpu_us": float(match["cpu"]), "bytes": float(match["bytes"])},
                limit["rate"],
            )
        print("\nBeside what is under way at once stands SQLite with 16 threads where there are 1,000 files. Further:\n")
        for line in rest:
            print("    " + line)
        print()
    except (OSError, subprocess.CalledProcessError) as error:
        print("bench: the core was not measured: %s" % error, file=sys.stderr)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.flush()
