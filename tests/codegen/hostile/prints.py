"""Prints at its import, where a protocol could be."""
import os
import sys

print('{"module": "prints"}')
print("{", file=sys.stderr)
os.write(1, b"\0\0\0\0garbage")


def said() -> str:
    return "said"
