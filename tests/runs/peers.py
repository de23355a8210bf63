"""Other readers of the stored tables."""

import json
import subprocess
import sys


def duckdb_rows(query):
    """Rows that DuckDB returns, in a process of its own.

    DuckDB's bindings (nanobind) print a page about every object still alive when the interpreter ends that imported them.
    """
    code = "import duckdb, json, sys; print(json.dumps(duckdb.sql(sys.argv[1]).fetchall()))"
    answer = subprocess.run([sys.executable, "-c", code, query], capture_output=True, text=True, check=True)
    return [tuple(row) for row in json.loads(answer.stdout)]
