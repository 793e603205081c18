"""The keys of an object's file as JSON: {"key": "value in hex"}.

    rows.py <id>.sqlite
"""

import json
import sqlite3
import sys

connection = sqlite3.connect(sys.argv[1])
rows = connection.execute("SELECT key, value FROM _cf_KV ORDER BY key")
print(json.dumps({key: value.hex() for key, value in rows}))
