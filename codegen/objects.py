"""The public surface of a library as its documentation has it: of the
`objects.inv` that Sphinx writes beside it (its version 2), what is Python's."""

import json
import re
import zlib

HEADER = re.compile(rb"# Sphinx inventory version 2\n.*\n.*\n.*zlib.*\n")
LINE = re.compile(r"(.+?)\s+py:(\w+)\s+-?\d+\s+\S+\s")


def manifest(library, file):
    """JSON, which `docs` in snakebridge.toml names; nothing is fetched."""
    with open(file, "rb") as opened:
        text = opened.read()
    header = HEADER.match(text)
    if header is None:
        raise ValueError(f"{file} is no inventory of Sphinx, version 2")
    modules, objects = set(), set()
    for line in zlib.decompress(text[header.end():]).decode().splitlines():
        found = LINE.match(line + " ")
        if not found or found[1].split(".")[0] != library.split(".")[0]:
            continue
        if found[2] == "module":
            modules.add(found[1])
        else:
            objects.add((found[1], found[2]))
    return json.dumps(
        {"version": 1, "library": library, "modules": sorted(modules),
         "objects": [{"name": name, "kind": kind}
                     for name, kind in sorted(objects)]}, indent=1) + "\n"
