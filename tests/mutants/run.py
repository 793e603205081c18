#!/usr/bin/env python3
"""Run a mutant of the store: it passes when the simulation has caught it.

    run.py PROGRAM (model | assertion)

`model`: the disks it leaves are not what the model allows. `assertion`: it stopped itself. DORMOUSE_SIM_POINTS says
for how many crash points it may live."""

import os
import subprocess
import sys


def main():
    program, by = sys.argv[1:]
    environment = {"DORMOUSE_SIM_POINTS": "60000", **os.environ}
    run = subprocess.run([program], env=environment, capture_output=True, text=True)
    said = run.stdout + run.stderr
    evidence = {"model": "DORMOUSE_SIM_SEED=", "assertion": "assertion failed"}[by]
    caught = run.returncode != 0 and evidence in said
    print(f"{os.path.basename(program)}: {'caught' if caught else 'LIVES'}")
    print(said[-2000:].strip())
    return 0 if caught else 1


if __name__ == "__main__":
    sys.exit(main())
