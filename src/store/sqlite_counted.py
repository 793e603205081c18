"""The amalgamation of SQLite as the package has it, and in it what counts rows.

    sqlite_counted.py sqlite3.c OUT.c

Cloudflare bills rows read and written, and its SQLite counts them where the virtual machine moves a
cursor or changes an entry. No hook of an unchanged SQLite sees that. So its counters, which
sqlite3_stmt_status() tells, become two more (statement_cache.h has their numbers), and each
instruction that Cloudflare counts gets a line that counts it. A second change: the authorizer is
told what a table is renamed to.

Each place is found by its text, exactly once, or the build stops: a new version of SQLite that has
moved something must be looked at, not guessed.
"""

import sys

READ = "p->aCounter[9]"
WRITTEN = "p->aCounter[10]"
ONE_WRITTEN = "if( !pC->isEphemeral ) %s++;" % WRITTEN

# Function or instruction, the line behind which (or in place of which) something is put, and that.
ADDITIONS = [
    ("case OP_Count:", "rc = sqlite3BtreeCount(db, pCrsr, &nEntry);", READ + " += (u32)nEntry;"),
    ("case OP_SeekGT:", "goto seek_not_found;\n    }\n  }", READ + "++;"),
    ("case OP_NotExists:", "pC->seekResult = res;", READ + "++;"),
    ("case OP_Insert:", "(pOp->p5 & OPFLAG_NCHANGE)!=0 );", ONE_WRITTEN),
    ("case OP_Delete:", "if( opflags & OPFLAG_NCHANGE ){", ONE_WRITTEN),
    ("case OP_Last:", "if( rc ) goto abort_due_to_error;", READ + "++;"),
    ("case OP_Rewind:", "pC->nullRow = (u8)res;", READ + "++;"),
    ("case OP_Next:", "p->aCounter[pOp->p5]++;", READ + "++;"),
    ("case OP_IdxInsert:", "if( pOp->p5 & OPFLAG_NCHANGE ) p->nChange++;", ONE_WRITTEN),
    ("case OP_Clear:", "p->nChange += nChange;", WRITTEN + " += (u32)nChange;"),
    ("case OP_VNext:", "if( rc ) goto abort_due_to_error;", READ + "++;"),
    ("case OP_VUpdate:", "}else{\n      p->nChange++;", WRITTEN + "++;"),
]

REPLACEMENTS = [
    ("struct Vdbe {", "u32 aCounter[9];", "u32 aCounter[11];"),
    (
        "SQLITE_PRIVATE void sqlite3AlterRenameTable(",
        "sqlite3AuthCheck(pParse, SQLITE_ALTER_TABLE, zDb, pTab->zName, 0)",
        "sqlite3AuthCheck(pParse, SQLITE_ALTER_TABLE, zDb, pTab->zName, zName)",
    ),
]


def find(text, where, what):
    """Where `what` begins: the first one behind the only definition of `where`."""
    found = text.split("\n" + where)
    definitions = [i for i in range(1, len(found)) if not found[i].split("\n")[0].endswith(";")]
    if len(definitions) != 1:
        sys.exit("sqlite_counted.py: %r is there %d times" % (where, len(definitions)))
    begin = len(("\n" + where).join(found[: definitions[0]]))
    end = text.find("\n}\n", begin)
    at = text.find(what, begin, end)
    if at < 0:
        sys.exit("sqlite_counted.py: no %r in %r" % (what, where))
    return at


def main(source, out):
    with open(source, encoding="utf-8") as file:
        text = file.read()
    for where, line, added in ADDITIONS:
        at = find(text, where, line) + len(line)
        text = text[:at] + "\n  " + added + text[at:]
    for where, old, new in REPLACEMENTS:
        at = find(text, where, old)
        text = text[:at] + new + text[at + len(old) :]
    with open(out, "w", encoding="utf-8") as file:
        file.write(text)


main(*sys.argv[1:])
