#!/usr/bin/env python3
"""Reads Delta tables with readers that are not ours, and prints what each of them sees as JSON.

    check.py TABLE_DIRECTORY... [--reader duckdb|chdb|deltalake]...

Rows, samples, the sum and type of each signal column, samples that are there again (same car, batch,
time and signal), and the bytes of the data files. Fails when the readers do not agree.

A sample is a value in a signal's column, or an entry of the quality map that says that there is
none: `not-available`, or `out-of-range=` and the raw value.
"""

import argparse
import decimal
import json
import os
import pathlib
import sys

FIXED = ["brand", "date", "bucket", "subject", "source_time", "receive_time", "queue_epoch", "lane", "seq",
         "campaign", "campaign_version", "purpose", "consent_epoch", "clock", "quality"]
KEY = ["subject", "queue_epoch", "lane", "seq", "source_time"]


def plain(value):
    """Sums as text, so that no reader's number type rounds them."""
    if value is None:
        return None
    if isinstance(value, (int, float)):
        return format(decimal.Decimal(repr(value)).normalize(), "f")
    return format(decimal.Decimal(str(value)).normalize(), "f")


def kind(type_name):
    """A reader's name of a type, in one spelling."""
    name = str(type_name).lower().replace(" ", "")
    for wrapper in ("nullable(", "lowcardinality("):
        while name.startswith(wrapper):
            name = name[len(wrapper):-1]
    if name.startswith("decimal"):
        return "decimal" + name[name.index("("):]
    if name in ("bool", "boolean"):
        return "boolean"
    if name in ("varchar", "string", "large_string", "utf8", "string_view"):
        return "string"
    if name.startswith(("list", "array", "large_list")) or name.endswith("[]"):
        return "list"
    return name


def summary(reader, rows, columns, samples, duplicates):
    return {"reader": reader, "rows": rows, "samples": samples, "duplicates": duplicates, "columns": columns}


def stored_bytes(table):
    """Bytes of the data files of the table's current version."""
    from deltalake import DeltaTable

    actions = DeltaTable(table).get_add_actions(flatten=True)
    return sum(size.as_py() for size in actions["size_bytes"])


def read_sql(reader, types, query, count_map, map_names, quote='"', text="VARCHAR"):
    """What DuckDB and ClickHouse share: SQL over `t`. `types` is name -> type; `count_map` counts the
    map's entries that are samples, `map_names` makes a row of each such entry's name."""
    def q(name):
        return f"{quote}{name}{quote}"
    signals = sorted(name for name in types if name not in FIXED)
    parts = ["count(*)", count_map]
    for name in signals:
        parts.append(f"count({q(name)})")
        numeric = kind(types[name]).startswith("decimal")
        parts.append(f"CAST(sum({q(name)}) AS {text})" if numeric else f"CAST(NULL AS {text})" if text == "VARCHAR" else "NULL")
    answer = list(query("SELECT " + ", ".join(parts) + " FROM t"))
    keys = ", ".join(q(name) for name in KEY)
    again = " + ".join(f"greatest(count({q(name)}), 1) - 1" for name in signals) or "0"
    duplicates = list(query(f"SELECT sum(again) FROM (SELECT {again} AS again FROM t GROUP BY {keys}) AS g"))[0]
    named = f"SELECT {keys}, {map_names} AS name FROM t"
    named = list(query(f"SELECT sum(c - 1) FROM (SELECT count(*) AS c FROM ({named}) AS n GROUP BY {keys}, name) AS g"))[0]
    duplicates = int(duplicates or 0) + int(named or 0)
    columns, samples = {}, int(answer[1] or 0)
    for index, name in enumerate(signals):
        count, total = int(answer[2 + 2 * index]), answer[3 + 2 * index]
        samples += count
        columns[name] = {"type": kind(types[name]), "count": count, "sum": plain(total)}
    return summary(reader, int(answer[0]), columns, samples, duplicates)


def with_duckdb(table):
    import duckdb
    import duckdb_extension_delta

    folder = pathlib.Path(duckdb_extension_delta.__file__).parent
    extension = next(folder.rglob("delta.duckdb_extension"))
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{extension}'")
    connection.execute(f"CREATE VIEW t AS SELECT * FROM delta_scan('{table}')")
    types = {name: kind_ for name, kind_, *_ in connection.execute("DESCRIBE t").fetchall()}
    count_map = (
        "sum(len(list_filter(map_values(quality), x -> x = 'not-available' OR starts_with(x, 'out-of-range='))))"
    )
    map_names = (
        "unnest(list_transform(list_filter(map_entries(quality), "
        "e -> e.value = 'not-available' OR starts_with(e.value, 'out-of-range=')), e -> e.key))"
    )
    return read_sql("duckdb", types, lambda sql: connection.execute(sql).fetchone(), count_map, map_names)


def with_chdb(table):
    from chdb import session

    # It reads files below its working directory only.
    os.chdir(table)
    connection = session.Session()

    def rows(sql):
        text = str(connection.query(sql.replace(" FROM t", f" FROM deltaLakeLocal('{table}')"), "JSONCompactStringsEachRow"))
        return [json.loads(line) for line in text.splitlines()]

    def one(sql):
        return [None if value in ("\\N", "ᴺᵁᴸᴸ", "") else value for value in rows(sql)[0]]

    types = {row[0]: row[1] for row in rows("DESCRIBE TABLE (SELECT * FROM t)")}
    count_map = "sum(arrayCount(x -> x = 'not-available' OR startsWith(x, 'out-of-range='), mapValues(quality)))"
    map_names = (
        "arrayJoin(arrayFilter((k, v) -> v = 'not-available' OR startsWith(v, 'out-of-range='), "
        "mapKeys(quality), mapValues(quality)))"
    )
    return read_sql("chdb", types, one, count_map, map_names, quote="`", text="Nullable(String)")


def with_deltalake(table):
    import pyarrow
    import pyarrow.compute as compute
    from deltalake import DeltaTable

    data = DeltaTable(table).to_pyarrow_dataset().to_table()
    named, none = [], 0
    for batch in data.select([*KEY, "quality"]).to_batches():
        quality = batch.column("quality")
        quality = quality.cast(pyarrow.list_(pyarrow.struct([("key", pyarrow.string()), ("value", pyarrow.string())])))
        entries = compute.list_flatten(quality)
        rows = batch.take(compute.list_parent_indices(quality)).drop_columns(["quality"])
        value = compute.struct_field(entries, 1)
        is_sample = compute.or_(compute.equal(value, "not-available"), compute.starts_with(value, "out-of-range="))
        rows = pyarrow.table(rows).append_column("name", compute.struct_field(entries, 0)).filter(is_sample)
        named.append(rows)
        none += rows.num_rows
    columns, samples = {}, none
    for name in sorted(name for name in data.column_names if name not in FIXED):
        column = data.column(name)
        count = len(column) - column.null_count
        type_ = kind(column.type)
        total = compute.sum(column).as_py() if type_.startswith("decimal") else None
        samples += count
        columns[name] = {"type": type_.replace("decimal128", "decimal"), "count": count, "sum": plain(total)}
    counts = data.group_by(KEY).aggregate([(name, "count") for name in columns])
    duplicates = sum(
        (compute.sum(compute.max_element_wise(counts.column(f"{name}_count"), 1)).as_py() or 0) - counts.num_rows
        for name in columns
    )
    if none:
        again = pyarrow.concat_tables(named).group_by([*KEY, "name"]).aggregate([([], "count_all")])
        duplicates += none - again.num_rows
    return summary("deltalake", data.num_rows, columns, samples, duplicates)


READERS = {"duckdb": with_duckdb, "chdb": with_chdb, "deltalake": with_deltalake}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="+", type=pathlib.Path)
    parser.add_argument("--reader", action="append", choices=READERS)
    arguments = parser.parse_args()
    agree, report = True, []
    for table in [table.resolve() for table in arguments.tables]:
        seen = [READERS[name](str(table)) for name in arguments.reader or READERS]
        facts = [{key: value for key, value in one.items() if key != "reader"} for one in seen]
        same = all(fact == facts[0] for fact in facts)
        agree = agree and same
        report.append({"table": str(table), "agree": same, "bytes": stored_bytes(str(table)), "seen": seen if not same else [
            {"reader": one["reader"]} for one in seen], **(facts[0] if same else {})})
    json.dump({"agree": agree, "tables": report}, sys.stdout, indent=1, sort_keys=True)
    print()
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
