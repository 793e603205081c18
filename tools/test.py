#!/usr/bin/env python3
"""Run the test suites, print what failed, a table, and one last line: "N passed, N failed".

    tools/test.py            every suite of `make test`
    tools/test.py unit e2e   only these
    tools/test.py --list     their names

Each suite has a time limit and a log in build/test-logs/. A suite whose tests do not exist is left
out; one that ends without saying how many tests it ran counts as one failure.
"""

import concurrent.futures
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join(ROOT, "build", "test-logs")
# For each fuzzer, unless the environment says otherwise.
FUZZ_SECONDS = 60
# How many files of a suite for Node run at a time.
PARALLEL = 3
# What is printed of a suite that failed; the rest is in its log.
SAID_LINES_MAX = 60
ERROR_LINES_MAX = 12
COLUMNS_MAX = 300
NOTES_MAX = 60
LOG_LINES_MAX = 15
SANITIZERS = {
    "build-asan": ["-Db_sanitize=address,undefined", "-Db_lundef=false"],
    "build-tsan": ["-Db_sanitize=thread", "-Db_lundef=false"],
    "build-fuzz": ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dfuzz=true"],
}


def support_file(name):
    return os.path.join(ROOT, "tests", "support", name)


ENVIRONMENT = {
    # The engine scans the stack for references; frames must be where they seem to be.
    # Short stacks of allocations: tests/support/lsan.supp says why.
    "ASAN_OPTIONS": "detect_stack_use_after_return=0:malloc_context_size=3",
    "LSAN_OPTIONS": "print_suppressions=0:suppressions=" + support_file("lsan.supp"),
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    # Waits that should never come to their end are long: the machine may have other things to do.
    "DORMOUSE_SLOWNESS": "2",
    "TSAN_OPTIONS": "halt_on_error=1:suppressions=" + support_file("tsan.supp"),
}


class Result:
    def __init__(self, passed=0, failed=0, notes=()):
        self.passed = passed
        self.failed = failed
        self.notes = list(notes)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.notes += other.notes


class Suite:
    """One line of the table: what to run, and how long at most."""

    def __init__(self, name, seconds_max, run, is_default=True):
        self.name = name
        self.seconds_max = seconds_max
        self.run = run
        self.is_default = is_default
        self.deadline = 0.0
        self.log = None

    def command(self, arguments, environment=None, log=None):
        """Run it with its output in the log. Returns the exit status, or None: out of time."""
        log = log or self.log
        log.write(("$ " + " ".join(arguments) + "\n").encode())
        log.flush()
        process = subprocess.Popen(
            arguments,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**ENVIRONMENT, **os.environ, **(environment or {})},
            start_new_session=True,
        )
        try:
            return process.wait(timeout=max(1, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None
        finally:
            # Also what the tests have left behind.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()

    def log_path(self):
        return os.path.join(LOGS, self.name + ".log")

    def execute(self):
        self.deadline = time.monotonic() + self.seconds_max
        with open(self.log_path(), "wb") as self.log:
            return self.run(self)


def status_note(what, status):
    if status is None:
        return what + ": out of time"
    if status < 0:
        return "%s: ended by %s" % (what, signal.Signals(-status).name)
    return "%s: exit status %d" % (what, status)


def tracked(*patterns):
    found = []
    for pattern in patterns:
        found += glob.glob(os.path.join(ROOT, pattern), recursive=True)
    return sorted(os.path.relpath(path, ROOT) for path in found)


def configure(suite, folder):
    """Make sure the build folder of a variant is there and up to date. None or a Result."""
    if not os.path.exists(os.path.join(ROOT, folder, "build.ninja")):
        compiler = {"CC": "clang"} if folder == "build-fuzz" else {}
        status = suite.command(["meson", "setup", folder] + SANITIZERS[folder], compiler)
        if status != 0:
            return Result(0, 1, [status_note("meson setup " + folder, status)])
    return None


def build(suite, folder, targets=()):
    broken = configure(suite, folder) if folder in SANITIZERS else None
    if broken:
        return broken
    status = suite.command(["ninja", "-C", folder] + list(targets))
    if status != 0:
        return Result(0, 1, [status_note("ninja -C " + folder, status)])
    return None


def junit_result(path):
    """What meson says about every single TAP test."""
    result = Result()
    for group in ElementTree.parse(path).getroot().iter("testsuite"):
        before = result.failed
        for case in group.iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                result.failed += 1
                result.notes.append("%s: %s" % (group.get("name"), case.get("name")))
            elif case.find("skipped") is None:
                result.passed += 1
        if result.failed > before:
            said = group.findtext("system-out", "") + group.findtext("system-err", "")
            lines = [line for line in said.splitlines() if not line.startswith("ok ")]
            result.notes += ["    " + line for line in lines[:SAID_LINES_MAX]]
    return result


def broken_programs(path):
    """Test programs that did not get to their end: out of time, or ended by a signal."""
    result = Result()
    with open(path, encoding="utf-8") as log:
        for line in log:
            entry = json.loads(line)
            how = entry["result"]
            if how == "ERROR" and entry.get("returncode", 0) > 0:
                continue  # it said itself which tests failed
            if how in ("TIMEOUT", "INTERRUPT", "ERROR"):
                result.add(Result(0, 1, ["%s: %s" % (entry["name"], how.lower())]))
                said = entry.get("stdout", "").splitlines() + entry.get("stderr", "").splitlines()
                result.notes += ["    " + line for line in said[-SAID_LINES_MAX // 4 :]]
    return result


def meson_suites(folder, suites, environment=None):
    """A suite made of tests that meson knows."""

    def run(suite):
        broken = build(suite, folder)
        if broken:
            return broken
        log = os.path.join(ROOT, folder, "meson-logs", "testlog")
        for kind in (".junit.xml", ".json"):
            if os.path.exists(log + kind):
                os.unlink(log + kind)
        command = ["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs"]
        if folder in SANITIZERS:
            command += ["--timeout-multiplier", "4"]
        for name in suites:
            command += ["--suite", name]
        status = suite.command(command, environment)
        if status is None or not os.path.exists(log + ".junit.xml"):
            return Result(0, 1, [status_note("meson test", status)])
        result = junit_result(log + ".junit.xml")
        result.add(broken_programs(log + ".json"))
        if status != 0 and result.failed == 0:
            result.add(Result(0, 1, [status_note("meson test", status)]))
        return result

    return run


def node_result(text):
    """The counts at the end of what `node --test` prints as TAP, and the names that failed."""
    counts = dict(re.findall(r"^# (pass|fail|cancelled) (\d+)$", text, re.MULTILINE))
    if "pass" not in counts:
        return None
    failed = int(counts.get("fail", 0)) + int(counts.get("cancelled", 0))
    return Result(int(counts["pass"]), failed, node_failures(text))


def node_failures(text):
    """The name of each test that failed, and the error in the block of YAML below it."""
    notes = []
    left = 0  # lines of the error
    for line in text.splitlines():
        name = re.match(r"\s*not ok \d+ - (.*)", line)
        key = re.match(r"\s*(\w+): ", line)
        if name:
            notes.append(name.group(1))
            left = -ERROR_LINES_MAX
        elif left < 0 and key and key.group(1) == "error":
            left = -left
        elif left > 0 and (line.strip() == "..." or key and key.group(1) == "code"):
            left = 0
        if left > 0 and line.strip():
            notes.append("    " + line.strip()[:COLUMNS_MAX])
            left -= 1
    return notes


def node_tests(*patterns, environment=None, folder=None, parallel=PARALLEL):
    """A suite of files for Node's own test runner, some at a time: they mostly wait."""

    def run(suite):
        if folder:
            broken = build(suite, folder)
            if broken:
                return broken
        start = suite.log.tell()
        options = ["--test", "--test-reporter=tap", "--test-concurrency=%d" % parallel]
        status = suite.command(["node"] + options + tracked(*patterns), environment)
        with open(suite.log_path(), encoding="utf-8", errors="replace") as log:
            log.seek(start)
            result = node_result(log.read())
        if result is None or status is None:
            return Result(0, 1, [status_note("node --test", status)])
        if status != 0 and result.failed == 0:
            result.add(Result(0, 1, [status_note("node --test", status)]))
        return result

    return run


def tap_programs(*patterns):
    """Programs that print TAP themselves."""

    def run(suite):
        result = Result()
        for program in tracked(*patterns):
            start = suite.log.tell()
            status = suite.command([os.path.join(ROOT, program)])
            with open(suite.log_path(), encoding="utf-8", errors="replace") as log:
                log.seek(start)
                verdicts = re.findall(r"^(ok|not ok) \d+ -? ?(.*)$", log.read(), re.MULTILINE)
            failed = [name for verdict, name in verdicts if verdict == "not ok"]
            passed = [name for verdict, name in verdicts if verdict == "ok" and "# SKIP" not in name]
            result.add(Result(len(passed), len(failed), failed))
            if status != 0 and not failed or not verdicts:
                result.add(Result(0, 1, [status_note(program, status)]))
        return result

    return run


# What they find is known to be nothing; one by chance is for longer runs.
DIFFERENTIAL_SEEDS = "1,2,3"


def run_differential(suite):
    """The same calls on workerd and on Dormouse: it ends with 0 when all answers are equal."""
    status = suite.command(
        ["node", "tests/differential/run.mjs"], {"DIFFERENTIAL_SEEDS": DIFFERENTIAL_SEEDS}
    )
    if status == 0:
        return Result(1, 0)
    return Result(0, 1, [status_note("tests/differential/run.mjs", status)])


def run_crash(suite):
    result = Result()
    if tracked(*CRASH):
        result.add(node_tests(*CRASH, parallel=1)(suite))
    result.add(tap_programs(*CRASH_PROGRAMS)(suite))
    return result


def run_fuzzer(suite, program, seconds):
    name = os.path.basename(program)
    corpus = os.path.join("build-fuzz", "corpus", name)
    os.makedirs(os.path.join(ROOT, corpus), exist_ok=True)
    seeds = tracked("tests/fuzz/corpus/" + name[len("fuzz_") :])
    with open(os.path.join(LOGS, name + ".log"), "w+", encoding="utf-8", errors="replace") as log:
        status = suite.command(
            [program, "-max_total_time=%d" % seconds, "-timeout=10", "-rss_limit_mb=2048",
             "-print_final_stats=1", "-artifact_prefix=build-fuzz/", corpus] + seeds,
            log=log.buffer,
        )
        if status == 0:
            return Result(1, 0)
        log.seek(0)
        said = log.read().splitlines()[-SAID_LINES_MAX // 4 :]
    return Result(0, 1, [status_note(name, status)] + ["    " + line for line in said])


def run_fuzzers(suite):
    broken = build(suite, "build-fuzz", ["fuzzers"])
    if broken:
        return broken
    result = Result()
    programs = [
        path
        for path in tracked("build-fuzz/tests/fuzz/fuzz_*")
        if os.path.isfile(os.path.join(ROOT, path)) and os.access(os.path.join(ROOT, path), os.X_OK)
    ]
    seconds = int(os.environ.get("FUZZ_SECONDS", FUZZ_SECONDS))
    suite.deadline = time.monotonic() + len(programs) * (seconds + 30)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for one in pool.map(lambda program: run_fuzzer(suite, program, seconds), programs):
            result.add(one)
    return result


def check_format(suite):
    patterns = ("src/**/*.[ch]", "include/**/*.h", "tests/**/*.[ch]", "examples/*/*.[ch]")
    status = suite.command(["clang-format", "--dry-run", "-Werror"] + tracked(*patterns))
    if status == 0:
        return Result(1, 0)
    with open(suite.log_path(), encoding="utf-8") as log:
        places = re.findall(r"^(\S+?:\d+):\d+: error: code should be", log.read(), re.MULTILINE)
    wrong = sorted({place.split(":")[0] for place in places})
    return Result(0, 1, [path + ": not as clang-format has it (make format)" for path in wrong])


# Class libraries are compiled by the tests themselves, as the server that loads them.
NATIVE_CFLAGS = {"build-asan": "-fsanitize=address,undefined", "build-tsan": ""}

# JavaScriptCore's collector stops threads with a signal. ThreadSanitizer puts signals off while a thread
# waits in a library that it was told to leave alone, but not this one, which stands for a mistake.
TSAN_ENVIRONMENT = {"JSC_SIGNAL_FOR_GC": str(signal.SIGSYS.value)}


def sanitized(folder, kinds, files, flags="", more=None):
    """The tests that meson knows, then the program itself; both built in `folder`."""

    def run(suite):
        result = meson_suites(folder, kinds, more)(suite)
        environment = {
            "DORMOUSE_BIN": os.path.join(ROOT, folder, "dormouse"),
            "DORMOUSE_FLAGS": flags,
            "DORMOUSE_SLOWNESS": "4",
            "NATIVE_CFLAGS": NATIVE_CFLAGS[folder],
            **(more or {}),
        }
        if tracked(*files):
            e2e = node_tests(*files, environment=environment)(suite)
            e2e.notes = ["e2e: " + note for note in e2e.notes]
            result.add(e2e)
        return result

    return run


E2E = ("tests/e2e/*.test.mjs",)
SYSTEMS = ("tests/e2e/systems/*.test.mjs",)
# The same suites against the same systems written in C.
SYSTEMS_C = {"DORMOUSE_SYSTEM": "c"}
EVICT = "--evict=always --shards 1"
CRASH = ("tests/crash/**/*.test.mjs",)
CRASH_PROGRAMS = ("tests/crash/*.tap.py",)


def flagged(files, flags, more=None):
    return node_tests(*files, environment={"DORMOUSE_FLAGS": flags, **(more or {})})


run_asan = sanitized("build-asan", ["unit", "fuzz"], E2E)
run_tsan = sanitized("build-tsan", ["unit"], E2E, flags="--shards 2", more=TSAN_ENVIRONMENT)


def suites():
    """In the order in which they run: the quick ones first."""
    found = [
        Suite("tidy", 60, meson_suites("build", ["tidy"])),
        Suite("unit", 300, meson_suites("build", ["unit"])),
        Suite("corpus", 120, meson_suites("build", ["fuzz"])),
        Suite("sim", 1200, meson_suites("build", ["sim"])),
        Suite("mutants", 600, meson_suites("build", ["mutants"])),
        Suite("js", 300, meson_suites("build", ["js"])),
        Suite("e2e", 900, node_tests(*E2E)),
        Suite("systems", 600, node_tests(*SYSTEMS)),
        Suite("differential", 300, run_differential),
        Suite("e2e-evict", 900, flagged(E2E, EVICT)),
        Suite("e2e-1", 900, flagged(E2E, "--shards 1")),
        Suite("e2e-4", 900, flagged(E2E, "--shards 4")),
        Suite("systems-evict", 600, flagged(SYSTEMS, EVICT)),
        Suite("systems-c", 600, flagged(SYSTEMS, "", SYSTEMS_C)),
        Suite("systems-c-evict", 600, flagged(SYSTEMS, EVICT, SYSTEMS_C)),
        Suite("crash", 900, run_crash),
        Suite("fuzz", 900, run_fuzzers),
        Suite("asan", 2400, run_asan),
        Suite("tsan", 3600, run_tsan, is_default=False),
    ]
    if shutil.which("clang-format"):
        found.insert(0, Suite("format", 120, check_format))
    there = {
        "js": tracked("tests/js/meson.build"),
        "sim": tracked("tests/sim/sim_*.c"),
        "corpus": tracked("tests/fuzz/fuzz_*.c"),
        "fuzz": tracked("tests/fuzz/fuzz_*.c"),
        "e2e": tracked(*E2E),
        "systems": tracked(*SYSTEMS),
        "crash": tracked(*CRASH, *CRASH_PROGRAMS),
    }
    return [suite for suite in found if there.get(suite.name, True)]


def choose(names):
    found = suites()
    if not names:
        return [suite for suite in found if suite.is_default]
    unknown = set(names) - {suite.name for suite in found}
    if unknown:
        sys.exit("no such suite: " + ", ".join(sorted(unknown)))
    return [suite for suite in found if suite.name in names]


def report_failure(suite, result):
    for note in result.notes[:NOTES_MAX]:
        print(note if note.startswith(" ") else "  not ok - " + note)
    if any(note.startswith(" ") for note in result.notes):
        return  # they say why
    print("  the end of %s:" % os.path.relpath(suite.log_path(), ROOT))
    with open(suite.log_path(), encoding="utf-8", errors="replace") as log:
        for line in log.read().splitlines()[-LOG_LINES_MAX:]:
            print("  | " + line[:COLUMNS_MAX])


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(suite.name for suite in suites()))
        return 0
    chosen = choose(sys.argv[1:])
    os.makedirs(LOGS, exist_ok=True)
    total = Result()
    rows = []
    for suite in chosen:
        print("%s ..." % suite.name, flush=True)
        begin = time.monotonic()
        result = suite.execute()
        seconds = time.monotonic() - begin
        if result.failed:
            report_failure(suite, result)
        rows.append((suite.name, result.passed, result.failed, seconds))
        total.add(result)
    print("\n%-15s %8s %8s %9s" % ("suite", "passed", "failed", "seconds"))
    for row in rows:
        print("%-15s %8d %8d %9.1f" % row)
    print("\n%d passed, %d failed" % (total.passed, total.failed), flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
