"""Decodes payloads with cantools, the second opinion of the tests of `dbc`.

Takes a DBC file's path; reads payloads as lines of hexadecimal digits from stdin. Prints a line of
JSON for each message and payload: id, payload, raw numbers by signal.
"""

import json
import re
import sys

import cantools


def extended(match):
    # Some files forget the flag of ids with more than 11 bits; cantools insists on it.
    number = int(match[2])
    return match[1] + str(number | 1 << 31 if 0x7FF < number < 1 << 29 else number)


with open(sys.argv[1], encoding="utf-8") as file:
    text = re.sub(r"^((?:BO_|VAL_|CM_ SG_) )(\d+)", extended, file.read(), flags=re.MULTILINE)
# Nor does it read a number that begins with its point.
text = re.sub(r"([(,|])(-?)\.(\d)", r"\g<1>\g<2>0.\g<3>", text)
try:
    database = cantools.database.load_string(text, "dbc", strict=False)
except cantools.database.UnsupportedDatabaseFormatError:
    # It is stricter than the tools that these files were made with.
    sys.exit(0)
payloads = [bytes.fromhex(line) for line in sys.stdin.read().split()]
for message in database.messages:
    for payload in payloads:
        data = payload[: message.length]
        if len(data) < message.length:
            continue
        try:
            values = message.decode(data, decode_choices=False, scaling=False)
        except cantools.database.DecodeError:
            # It refuses payloads whose multiplexor is at none of the known values.
            continue
        key = message.frame_id | message.is_extended_frame << 31
        print(json.dumps({"id": key, "payload": data.hex(), "values": values}))
