#!/usr/bin/env python3
"""Pathway ids, pattern keys and vectors as docs/memory.md describes them, in another language.

    python3 pathway.py pathway.json

reads the inputs of the file and prints it again with outputs of its own. They are right when the two are the same
byte for byte. Nothing but the standard library is used.
"""

import hashlib
import json
import math
import sys


def code_spans(text):
    """What stands in backquotes: between a run of them and the next run of the same length."""
    spans, rest = [], text
    while "`" in rest:
        rest = rest[rest.index("`"):]
        ticks = len(rest) - len(rest.lstrip("`"))
        body, length, at = rest[ticks:], None, 0
        while length is None and "`" in body[at:]:
            start = body.index("`", at)
            run = len(body[start:]) - len(body[start:].lstrip("`"))
            if run == ticks:
                length = start
            at = start + run
        if length is None:
            rest = body
            continue
        span = body[:length]
        if len(span) > 1 and span[0] == span[-1] == " ":
            span = span[1:-1]
        spans.append(span)
        rest = body[length + ticks:]
    return spans


def is_identifier(word):
    def fits(c):
        return c == "_" or ord(c) > 127 or "a" <= c.lower() <= "z"

    return word != "" and fits(word[0]) and all(fits(c) or c in "0123456789" for c in word)


def name_of(span, keywords, flags):
    """The name that a span is, or that stands at the end of its path."""
    path = span.strip().removesuffix("()")
    parts = path.replace("::", ".").replace("->", ".").split(".")
    name = parts[-1]
    if not all(is_identifier(part) for part in parts) or len(name) > 64:
        return None
    if name.lower() in {flag.lower() for flag in flags} or name in keywords:
        return None
    capitals = not any("a" <= c <= "z" for c in name)
    return None if capitals and name.lower() in keywords else name


def pattern_key(flag, text, keywords, flags):
    names = {name_of(span, keywords, flags) for span in code_spans(text)} - {None}
    return f"{flag}:{'-'.join(sorted(names)[:3])}" if names else None


def file_prefix(path):
    return "/".join(path.split("/")[:2])


def pathway_id(task_class, path, signal_class):
    return hashlib.sha256(f"{task_class}|{file_prefix(path)}|{signal_class}".encode()).hexdigest()


def tokens(trace):
    path = trace["file_path"]
    dirs, _, name = path.rpartition("/")
    found = {
        f"task:{trace['task_class']}",
        f"area:{file_prefix(path)}",
        f"file:{path}",
        f"signal:{trace['signal_class']}",
    }
    if dirs:
        found.add(f"dir:{dirs}")
    if "." in name:
        found.add(f"ending:{name.rpartition('.')[2]}")
    found |= {f"chunk:{chunk['source']}" for chunk in trace.get("kb_chunks", [])}
    found |= {f"library:{name}" for name in sorted(set(trace.get("bridge_libraries", [])))[:16]}
    for attempt in trace.get("ladder_attempts", []):
        end = "accepted" if attempt["accepted"] else "rejected"
        found.add(f"attempt:{attempt['rung']}:{attempt['model']}:{end}")
    found |= {f"call:{call}" for call in trace.get("sub_pipeline_calls", [])}
    found |= {f"flag:{flag}" for flag in trace.get("semantic_flags", [])}
    found |= {f"bug:{bug['pattern_key']}" for bug in trace.get("bug_fingerprints", [])}
    return sorted(found)


def vector(words):
    counts = [0] * 32
    for word in words:
        counts[hashlib.sha256(word.encode()).digest()[0] % 32] += 1
    length = math.sqrt(sum(n * n for n in counts))
    return [math.floor(n / length * 1e6 + 0.5) / 1e6 for n in counts]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        vectors = json.load(file)
    keywords, flags = set(vectors["keywords"]), vectors["flags"]
    for case in vectors["pattern_keys"]:
        case["pattern_key"] = pattern_key(case["flag"], case["text"], keywords, flags)
    for case in vectors["pathway_ids"]:
        case["file_prefix"] = file_prefix(case["file_path"])
        case["pathway_id"] = pathway_id(case["task_class"], case["file_path"], case["signal_class"])
    for case in vectors["pathway_vecs"]:
        case["tokens"] = tokens(case["trace"])
        case["pathway_vec"] = vector(case["tokens"])
    sys.stdout.buffer.write((json.dumps(vectors, indent=1, ensure_ascii=False) + "\n").encode())


if __name__ == "__main__":
    main()
