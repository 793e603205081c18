"""One archive of many, in which only dm_* can be seen.

    archive.py OUTPUT FOLDER LD OBJCOPY ARCHIVE…
"""

import os
import subprocess
import sys

output, folder, linker, objcopy, *archives = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
member = os.path.join(folder, "dormouse.o")
subprocess.run(
    [linker, "-r", "-o", member, "--whole-archive", *archives], check=True
)
subprocess.run([objcopy, "--wildcard", "--keep-global-symbol=dm_*", member], check=True)
if os.path.exists(output):
    os.remove(output)
subprocess.run(["ar", "rcs", output, member], check=True)
