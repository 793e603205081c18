#!/usr/bin/env python3
"""The style guide as a test: who may include whom, and what a file may look like.

Each rule is a function that is given one file and yields (line, message). The output is TAP with
one test per rule; what breaks it stands in front as "# path:line: message".

    tools/tidy.py [root]
"""

import os
import re
import sys

LAYERS = {
    "base": [],
    "os": ["base"],
    "net": ["base", "os"],
    "http": ["base", "net"],
    "store": ["base", "os"],
    "actor": ["base", "os", "store"],
    "js": ["base"],
    "api": ["base", "os", "net", "http", "store", "actor", "js"],
    "native": ["base", "os", "store", "actor"],
    "server": ["base", "os", "net", "http", "store", "actor", "js", "api", "native"],
    "cli": ["base", "os", "server"],
    "embed": ["base", "os", "actor", "native", "server"],
}

# Headers of others, and the folders that may know them.
FOREIGN = {
    "sqlite3.h": {"store"},
    "JavaScriptCore/": {"js", "api"},
    "uv.h": {"net", "http", "api", "server", "cli"},
}

SKIPPED_FOLDERS = {".git", "node_modules", ".dormouse", ".wrangler", "__pycache__", "corpus"}
CODE = (".c", ".h", ".js", ".mjs", ".ts", ".py", ".sh")
TEXT = CODE + (".md", ".build", ".txt", ".json", ".jsonc", ".toml", ".html", ".css")
MEANINGLESS_NAMES = {"util", "utils", "common", "types", "misc", "helpers"}

LINE_COLUMNS_MAX = 100
FILE_LINES_MAX = 1000
HEADER_LINES_WANTED = 100
HEADER_LINES_MAX = 140
FUNCTION_LINES_MAX = 70
FINDINGS_SHOWN_MAX = 40


class File:
    """Path from the root, with slashes, and its lines."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        if self.lines[-1] == "":
            self.lines.pop()
        self.parts = path.split("/")
        self.name = self.parts[-1]

    def is_c(self):
        return self.name.endswith((".c", ".h"))

    def is_header(self):
        return self.name.endswith(".h")

    def folder_of_src(self):
        """"store" for src/store/journal.c, None outside src/."""
        return self.parts[1] if self.parts[0] == "src" and len(self.parts) > 2 else None

    def numbered(self):
        return enumerate(self.lines, 1)

    def numbered_code(self):
        """Without comments and strings; good enough for our own formatting."""
        for number, line in self.numbered():
            if re.match(r"\s*(/?\*|//)", line):
                continue
            yield number, re.sub(r'"(\\.|[^"\\])*"|/\*.*?(\*/|$)|//.*', '""', line)


def includes_follow_the_layers(file):
    folder = file.folder_of_src()
    if folder is None or not file.is_c():
        return
    if folder not in LAYERS:
        yield 1, "src/%s is not a folder of the architecture" % folder
        return
    for number, line in file.numbered():
        match = re.match(r'\s*#\s*include\s+"([^"/]+)/', line)
        if match and match[1] in LAYERS and match[1] != folder and match[1] not in LAYERS[folder]:
            yield number, "%s/ must not include %s/" % (folder, match[1])
        if re.match(r'\s*#\s*include\s+"(\.|[^"/]+")', line):
            yield number, "include by the path from src/, with the folder"


def foreign_headers_stay_where_they_are_known(file):
    folder = file.folder_of_src()
    if folder is None or not file.is_c():
        return
    for number, line in file.numbered():
        match = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
        for header, folders in FOREIGN.items():
            if match and match[1].startswith(header) and folder not in folders:
                yield number, "%s is for %s only" % (header, ", ".join(sorted(folders)))


def lines_are_short(file):
    if not file.is_c():
        return
    is_table = False  # tables keep their columns
    for number, line in file.numbered():
        if "clang-format o" in line:
            is_table = "clang-format off" in line
        if len(line) > LINE_COLUMNS_MAX and not is_table:
            yield number, "%d columns, at most %d" % (len(line), LINE_COLUMNS_MAX)


def files_are_short(file):
    if file.name.endswith(CODE) and len(file.lines) > FILE_LINES_MAX:
        yield len(file.lines), "%d lines, at most %d" % (len(file.lines), FILE_LINES_MAX)
    if file.is_header() and file.parts[0] == "src" and len(file.lines) > HEADER_LINES_MAX:
        yield len(file.lines), "%d lines in a header, at most %d, better %d" % (
            len(file.lines),
            HEADER_LINES_MAX,
            HEADER_LINES_WANTED,
        )


def functions_are_short(file):
    if not file.name.endswith(".c"):
        return
    begin = None
    for number, line in file.numbered():
        if line == "{":
            begin = number
        elif line == "}" and begin is not None:
            if number - begin - 1 > FUNCTION_LINES_MAX:
                yield begin, "function of %d lines, at most %d" % (
                    number - begin - 1,
                    FUNCTION_LINES_MAX,
                )
            begin = None


def headers_begin_with_their_essay(file):
    if not file.is_header() or file.parts[0] == "include":
        return
    if not file.lines or file.lines[0] != "#pragma once":
        yield 1, "a header begins with #pragma once"
    elif len(file.lines) < 3 or file.lines[1:3] != ["", "/*"]:
        yield 2, "behind #pragma once stands an essay: what it is for, who owns it, which thread"


def nothing_is_left_to_do_without_an_issue(file):
    if not file.name.endswith(CODE):
        return
    words = "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"])
    for number, line in file.numbered():
        if re.search(r"\b(%s)\b(?!\(#\d+\))" % words, line):
            yield number, "unfinished: do it, or name the issue in brackets behind the word"


def names_are_nouns_of_the_domain(file):
    if file.parts[0] not in ("src", "js", "include", "tools", "tests"):
        return
    for part in file.parts:
        if part.split(".")[0] in MEANINGLESS_NAMES:
            yield 1, '"%s" says nothing: name the noun' % part


def white_space_is_clean(file):
    for number, line in file.numbered():
        if line != line.rstrip() and not file.name.endswith(".md"):
            yield number, "white space at the end of the line"
        if "\t" in line and file.is_c():
            yield number, "tab"
    if file.text and not file.text.endswith("\n"):
        yield len(file.lines), "no newline at the end of the file"


def nothing_belongs_to_one_machine(file):
    paths = r"(?<![\w.~-])/(%s)/" % "|".join(["work", "fa" + "rm", "tmp/bash" + "_jobs"])
    hosts = r"\b(%s)" % "|".join(["registry" + r"\.npmjs", "registry" + r"\.yarn", "deb" + r"\.debian"])
    for number, line in file.numbered():
        if re.search(paths, line):
            yield number, "path of one machine"
        if re.search(hosts, line):
            yield number, "host of a package registry"
        if file.name == "package-lock.json" and '"resolved"' in line:
            yield number, "the lock file records download addresses (see .npmrc)"


def memory_comes_from_mem(file):
    if file.parts[0] != "src" or not file.is_c() or file.path == "src/base/mem.c":
        return
    for number, line in file.numbered_code():
        match = re.search(r"(?<![\w.>])(malloc|calloc|realloc|strdup|strndup|v?asprintf)\(", line)
        if match:
            yield number, "%s() may return NULL: use base/mem.h" % match[1]


def dangerous_functions_are_not_called(file):
    if not file.is_c():
        return
    names = "strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|alloca|rand|srand"
    for number, line in file.numbered_code():
        match = re.search(r"(?<![\w.>])(%s)\(" % names, line)
        if match:
            yield number, "%s() is not used here" % match[1]
        if re.search(r"(?<![\w.>])assert\(", line):
            yield number, "assert() goes away with NDEBUG: use ASSERT()"


FILE_RULES = [
    includes_follow_the_layers,
    foreign_headers_stay_where_they_are_known,
    lines_are_short,
    files_are_short,
    functions_are_short,
    headers_begin_with_their_essay,
    nothing_is_left_to_do_without_an_issue,
    names_are_nouns_of_the_domain,
    white_space_is_clean,
    nothing_belongs_to_one_machine,
    memory_comes_from_mem,
    dangerous_functions_are_not_called,
]


def every_source_is_built(files):
    """A .c that no meson.build names is dead."""
    builds = {file.path: file.text for file in files if file.name == "meson.build"}
    for file in files:
        folder = file.folder_of_src()
        if folder is None or not file.name.endswith(".c") or file.path == "src/cli/main.c":
            continue
        inner = "/".join(file.parts[2:])
        if "'%s'" % inner not in builds.get("src/%s/meson.build" % folder, ""):
            yield file.path, 1, "not named in src/%s/meson.build" % folder


def every_test_is_run(files):
    """A test that no folder of src/ lists is never built."""
    listed = "".join(file.text for file in files if file.name == "meson.build")
    for file in files:
        match = re.fullmatch(r"tests/(unit|fuzz|sim|bench)/(test|fuzz|sim|bench)_(\w+)\.c", file.path)
        if match and "'%s'" % match[3] not in listed:
            yield file.path, 1, "not listed in any src/*/meson.build"


def there_is_a_changelog(files):
    if not any(file.path == "CHANGELOG.md" for file in files):
        yield "CHANGELOG.md", 1, "missing"


TREE_RULES = [every_source_is_built, every_test_is_run, there_is_a_changelog]


def read_tree(root):
    """Every text file that belongs to the project, whether git knows it already or not."""
    files = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(
            name for name in folders if name not in SKIPPED_FOLDERS and not name.startswith("build")
        )
        for name in sorted(names):
            path = os.path.join(folder, name)
            if not name.endswith(TEXT) or os.path.islink(path):
                continue
            with open(path, encoding="utf-8", errors="replace") as stream:
                text = stream.read()
            files.append(File(os.path.relpath(path, root).replace(os.sep, "/"), text))
    return files


def findings(rule, files):
    if rule in TREE_RULES:
        yield from rule(files)
        return
    for file in files:
        for number, message in rule(file):
            yield file.path, number, message


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..")
    files = read_tree(os.path.abspath(root))
    failed = 0
    rules = FILE_RULES + TREE_RULES
    print("1..%d" % len(rules))
    for number, rule in enumerate(rules, 1):
        found = list(findings(rule, files))
        for path, line, message in found[:FINDINGS_SHOWN_MAX]:
            print("# %s:%d: %s" % (path, line, message))
        if len(found) > FINDINGS_SHOWN_MAX:
            print("# and %d more" % (len(found) - FINDINGS_SHOWN_MAX))
        print("%s %d - %s" % ("not ok" if found else "ok", number, rule.__name__))
        failed += bool(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
