"""The two servers that are measured, how they are put under load, and what a row of the table is."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BIN = os.path.join(ROOT, "node_modules/.bin")
DORMOUSE = os.environ.get("DORMOUSE_BIN", os.path.join(ROOT, "build/dormouse"))
WORKERD = os.environ.get("WORKERD_BIN", os.path.join(BIN, "workerd"))
LOAD = os.environ.get("LOAD_BIN", os.path.join(ROOT, "build/tests/bench/load"))
TICK = os.sysconf("SC_CLK_TCK")
READY_SECONDS_MAX = 20
# An idle object leaves memory after ten seconds on both.
SLEEP_SECONDS = 13


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One of the two, running a project on data of its own."""

    def __init__(self, name, project="project", args=()):
        self.name = name
        self.args = list(args)
        self.home = tempfile.mkdtemp(prefix="dormouse-bench-")
        self.project = os.path.join(self.home, "project")
        shutil.copytree(
            os.path.join(HERE, project), self.project, ignore=shutil.ignore_patterns(".*")
        )
        for source in os.listdir(self.project):
            if source.endswith(".c"):
                self.compile(os.path.join(self.project, source))
        self.port = free_port()
        self.environment = dict(
            os.environ, PATH=BIN + ":" + os.environ["PATH"], WORKERD_ESBUILD=os.path.join(BIN, "esbuild")
        )
        self.process = None

    @staticmethod
    def compile(source):
        include = "-I" + os.path.join(ROOT, "include")
        command = ["cc", "-O2", "-fPIC", "-shared", include, "-o", source[:-2] + ".so", source]
        subprocess.run(command, check=True)

    def command(self):
        if self.name == "workerd":
            config = os.path.join(self.project, "wrangler.jsonc")
            return [WORKERD, "serve", config, "--socket-addr", "http=127.0.0.1:%d" % self.port]
        data = os.path.join(self.home, "data")
        return [DORMOUSE, "serve", self.project, "--port", str(self.port), "--data", data] + self.args

    def start(self):
        log = open(os.path.join(self.home, "log"), "wb")
        self.process = subprocess.Popen(
            self.command(), stdout=log, stderr=log, cwd=self.project, env=self.environment
        )
        end = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return self
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.02)
        sys.exit("%s did not start; see %s/log" % (self.name, self.home))

    def cpu_seconds(self):
        """Of all its threads, children included."""
        with open("/proc/%d/stat" % self.process.pid, encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return sum(int(field) for field in fields[11:15]) / TICK

    def rss_kb(self):
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def disk_bytes():
    """Written so far to the device that holds the data, by whomever."""
    device = os.stat(tempfile.gettempdir()).st_dev
    try:
        with open("/sys/dev/block/%d:%d/stat" % (os.major(device), os.minor(device)), encoding="ascii") as stat:
            return int(stat.read().split()[6]) * 512
    except OSError:
        return 0


def load(mode, server, path, **options):
    command = [LOAD, mode, "--port", str(server.port), "--path", path]
    for name, value in options.items():
        command += ["--" + name, str(value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise RuntimeError("%s on %s: %s" % (" ".join(command[1:]), server.name, done.stderr.strip()))
    return json.loads(done.stdout)


class Row:
    """A workload that is measured by its rate."""

    def __init__(self, name, mode, path, unit="ops/s", fill=None, **options):
        self.name = name
        self.mode = mode
        self.path = path
        self.unit = unit
        self.fill = fill or path
        self.options = options

    def prepare(self, server, touched):
        """Objects are made before they are measured."""
        objects = self.options.get("objects", 1)
        if self.mode != "http" or (self.fill, objects) in touched:
            return
        touched.add((self.fill, objects))
        load(self.mode, server, self.fill, objects=objects, connections=min(16, objects), count=objects)

    def measure(self, server, settings):
        before = server.cpu_seconds()
        disk_before = disk_bytes()
        result = load(
            self.mode, server, self.path, seconds=settings.seconds, warmup=settings.warmup, **self.options
        )
        cpu = server.cpu_seconds() - before
        share = settings.seconds / (settings.seconds + settings.warmup)
        operations = max(1, result["operations"])
        return {
            "rate": result["per_second"],
            "p50": result["p50_ms"],
            "p99": result["p99_ms"],
            "cpu": cpu * share / operations * 1e6,
            "disk": (disk_bytes() - disk_before) * share / operations,
            "rss": server.rss_kb() / 1024,
            "errors": result["errors"],
            "own_cpu": result["own_cpu_seconds"] / (settings.seconds + settings.warmup),
        }
