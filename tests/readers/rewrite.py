#!/usr/bin/env python3
"""Writes the rows of Delta tables with DuckDB's own zstd Parquet, and prints how many bytes that takes.

    rewrite.py OUTPUT_DIRECTORY TABLE_DIRECTORY...
"""

import pathlib
import sys

import duckdb
import duckdb_extension_delta


def main():
    output, tables = pathlib.Path(sys.argv[1]), sys.argv[2:]
    folder = pathlib.Path(duckdb_extension_delta.__file__).parent
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{next(folder.rglob('delta.duckdb_extension'))}'")
    output.mkdir(parents=True, exist_ok=True)
    total = 0
    for number, table in enumerate(tables):
        file = output / f"{number}.parquet"
        rows = f"SELECT * FROM delta_scan('{table}') ORDER BY subject, source_time"
        connection.execute(f"COPY ({rows}) TO '{file}' (FORMAT parquet, COMPRESSION zstd)")
        total += file.stat().st_size
    print(total)


if __name__ == "__main__":
    main()
