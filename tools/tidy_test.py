#!/usr/bin/env python3
"""Each rule of tidy.py lets good code pass and finds the bad: TAP, one test per pair."""

import sys

import tidy

GOOD_HEADER = "#pragma once\n\n/*\n * Gate\n */\n"

# rule, path, text that passes, text that does not
CASES = [
    (
        tidy.includes_follow_the_layers,
        "src/actor/gate.c",
        '#include "base/list.h"\n#include "actor/gate.h"\n',
        '#include "http/parse.h"\n',
    ),
    (tidy.includes_follow_the_layers, "src/base/list.c", '#include "base/list.h"\n', '#include "list.h"\n'),
    (
        tidy.foreign_headers_stay_where_they_are_known,
        "src/store/vfs.c",
        "#include <sqlite3.h>\n",
        "#include <uv.h>\n",
    ),
    (
        tidy.foreign_headers_stay_where_they_are_known,
        "src/api/kv.c",
        "#include <JavaScriptCore/JavaScript.h>\n",
        "#include <sqlite3.h>\n",
    ),
    (tidy.lines_are_short, "src/base/a.c", "é" * 100 + "\n", "x" * 101 + "\n"),
    (
        tidy.lines_are_short,
        "src/base/a.c",
        "/* clang-format off */\n" + "x" * 101 + "\n/* clang-format on */\n",
        "/* clang-format off */\n/* clang-format on */\n" + "x" * 101 + "\n",
    ),
    (tidy.files_are_short, "src/base/a.c", "\n" * 1000, "\n" * 1001),
    (tidy.files_are_short, "src/base/a.h", "\n" * 140, "\n" * 141),
    (
        tidy.functions_are_short,
        "src/base/a.c",
        "int f(void)\n{\n" + "    g();\n" * 70 + "}\n",
        "int f(void)\n{\n" + "    g();\n" * 71 + "}\n",
    ),
    (tidy.headers_begin_with_their_essay, "src/base/a.h", GOOD_HEADER, "#pragma once\n\nint f(void);\n"),
    (tidy.headers_begin_with_their_essay, "src/base/a.h", GOOD_HEADER, "/* a */\n#pragma once\n"),
    (
        tidy.nothing_is_left_to_do_without_an_issue,
        "js/a.js",
        "// TO" + "DO(#12) later\n",
        "// TO" + "DO later\n",
    ),
    (tidy.white_space_is_clean, "src/base/a.c", "int a;\n", "int a; \n"),
    (tidy.white_space_is_clean, "src/base/a.c", "    int a;\n", "\tint a;\n"),
    (tidy.white_space_is_clean, "js/a.js", "a\n", "a"),
    (tidy.nothing_belongs_to_one_machine, "docs/a.md", "in net/wo" + "rk/\n", "in /wo" + "rk/main\n"),
    (tidy.nothing_belongs_to_one_machine, "package-lock.json", "{}\n", '"resolved": "x"\n'),
    (tidy.memory_comes_from_mem, "src/base/a.c", "p = mem_alloc(3);\n", "p = malloc(3);\n"),
    (tidy.memory_comes_from_mem, "src/base/a.c", "/* as malloc() */\n", "    p = strdup(x); /* y */\n"),
    (tidy.dangerous_functions_are_not_called, "src/base/a.c", "snprintf(a, b);\n", "sprintf(a, b);\n"),
    (tidy.dangerous_functions_are_not_called, "src/base/a.c", "ASSERT(x);\n", "assert(x);\n"),
]


def finds(rule, path, text):
    return bool(list(tidy.findings(rule, [tidy.File(path, text)])))


def check_case(rule, path, good, bad):
    return not finds(rule, path, good) and finds(rule, path, bad)


def check_names():
    rule = tidy.names_are_nouns_of_the_domain
    return not finds(rule, "src/base/list.c", "") and finds(rule, "src/util/list.c", "") and finds(
        rule, "js/common.js", ""
    )


def check_tree():
    build = tidy.File("src/base/meson.build", "files('list.c')\n")
    source = tidy.File("src/base/list.c", "")
    dead = tidy.File("src/base/dead.c", "")
    rule = tidy.every_source_is_built
    return list(rule([build, source])) == [] and len(list(rule([build, source, dead]))) == 1


def check_tests_are_run():
    build = tidy.File("src/base/meson.build", "base_tests = ['list']\n")
    run = tidy.File("tests/unit/test_list.c", "")
    dead = tidy.File("tests/unit/test_dead.c", "")
    rule = tidy.every_test_is_run
    return list(rule([build, run])) == [] and len(list(rule([build, run, dead]))) == 1


def main():
    results = [(case[0].__name__, check_case(*case)) for case in CASES]
    results += [("names", check_names()), ("every_source_is_built", check_tree())]
    results += [("every_test_is_run", check_tests_are_run())]
    print("1..%d" % len(results))
    for number, (name, passed) in enumerate(results, 1):
        print("%s %d - %s" % ("ok" if passed else "not ok", number, name))
    return 0 if all(passed for _, passed in results) else 1


if __name__ == "__main__":
    sys.exit(main())
