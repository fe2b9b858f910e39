#!/usr/bin/env python3
"""Medians of the harness's JSON lines, a column a system: table.py FILE..."""
import json
import statistics
import sys

SKIP = {"peer", "mode", "aof", "conc", "n", "log"}
systems, rows, values = [], [], {}
for path in sys.argv[1:]:
    for line in open(path, encoding="utf8"):
        if not line.startswith("{"):
            continue
        run = json.loads(line)
        name = run["peer"]
        if name not in systems:
            systems.append(name)
        for key, value in run.items():
            if key in SKIP:
                continue
            row = f"{run['mode']} {key}"
            if row not in rows:
                rows.append(row)
            found = value if isinstance(value, list) else [value]
            values.setdefault((row, name), []).extend(v for v in found if isinstance(v, (int, float)))

print("| figure | " + " | ".join(systems) + " |")
print("|---|" + "---|" * len(systems))
for row in rows:
    cells = []
    for name in systems:
        found = values.get((row, name))
        if not found:
            cells.append("")
            continue
        middle = statistics.median(found)
        text = f"{middle:.2f}" if abs(middle) < 100 else f"{middle:.0f}"
        cells.append(text)
    print(f"| {row} | " + " | ".join(cells) + " |")
