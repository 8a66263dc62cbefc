#!/usr/bin/python3
"""Writes docs/SETTINGS.md: every setting with its default, bounds and variable.

    settings_page.py [--check]

From config/snakebridge.toml (texts and defaults), config/tunables.hpp (bounds),
config/load.cpp (words and variables) and the variables that workers are given.
With --check it writes nothing and ends with 1 if the page is another.
"""

import argparse
import dataclasses
import operator
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "SETTINGS.md"
POOL = "pool.NAME"

OPENING = """\
# Settings

Written by `tools/settings_page.py` from `config/`: change that, then run it.

A bridge is told, each over the one before: the defaults, the file `snakebridge.toml` in
the working folder (or the one `SNAKEBRIDGE_CONFIG` names), and the variables below; an
empty one counts as unset. Copy what you change from
[`config/snakebridge.toml`](../config/snakebridge.toml). A program may make an
`sb::config` of its own instead (`config.hpp`). A wrong setting stops the start of the
bridge with `config_invalid`, naming the line. `snakebridge doctor` tells what holds, and
why.
"""
ENVIRONMENT = """\

## What workers see of the program's environment

{names}.

The setting `pass_env` adds others (`["AWS_*"]`; `["*"]` is all), the table `env` sets
values over them.
"""


@dataclasses.dataclass
class Setting:
    key: str
    default: str
    text: str
    table: str  # "pool.NAME"; empty: it stands at the top

    @property
    def place(self):
        return self.key, self.table


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def entries():
    """What stands in snakebridge.toml, in its order: its settings, and (name,
    text) of each table. Comments tell of what comes next."""
    told, kind = [], ""
    for line in text("config/snakebridge.toml").splitlines():
        if line.startswith("#"):
            told.append(line[2:])
            continue
        if table := re.fullmatch(r"\[(\w+)(\.\w+)?(?:\.(\w+))?\]", line):
            kind, inner = table[1] + (".NAME" if table[2] else ""), table[3]
            if inner:
                yield Setting(inner, "{}", " ".join(told).split(":", 1)[0]
                              + f": a table `[{kind}.{inner}]`.", kind)
            else:
                yield kind, " ".join(told)
        elif line:
            key, default = line.split(" = ", 1)
            yield Setting(key, default, " ".join(told), kind)
        told = []


def settings():
    return [each for each in entries() if isinstance(each, Setting)]


def tables():
    return [each for each in entries() if not isinstance(each, Setting)]


def table_of(pool):
    return POOL if pool == "true" else ""


def tunables():
    """Bounds and meaning of each number, by its place."""
    source = text("config/tunables.hpp")
    numbers = dict(re.findall(r"constexpr std::\w+ (\w+) = ([^;]+);", source))

    def number(expression):
        """365 * day_ms, std::int64_t{1} << 32, limits::executors_max, 1'024"""
        for sign, act in (" << ", operator.lshift), (" * ", operator.mul):
            if sign in expression:
                return act(*map(number, expression.split(sign, 1)))
        expression = re.sub(r"std::\w+\{(\w+)\}", r"\1", expression)
        name = expression.removeprefix("limits::")
        return number(numbers[name]) if name in numbers \
            else int(name.replace("'", ""))

    bounds_of = {}
    for name, inside in re.findall(r"tunable (\w+)\[\] = \{\n(.*?)\n\};",
                                   source, re.DOTALL):
        rows_of = re.findall(
            r'\{"(\w+)", (true|false), (.+?), (.+?),\s*"(.+?)"\}', inside)
        for key, pool, least, most, means in rows_of:
            table = "node" if name == "node_tunables" else table_of(pool)
            bounds_of[key, table] = number(least), number(most), means
    return bounds_of


def words():
    """What a setting may be that is one word of a few."""
    source = text("config/load.cpp")
    lists = {name: re.findall(r'\{("\w+"),', items) for name, items in
             re.findall(r"choice<\w+> (\w+)\[\] = \{(.*?)\};", source,
                        re.DOTALL)}
    return {key: lists[name] for key, name in re.findall(
        r'given\.key == "(\w+)"\)\s*return read_word\([^,]+, [^,]+, (\w+)\)',
        source)}


def variables():
    """The variable of a setting, by its place."""
    rows = re.findall(
        r'override_variable\{"(\w+)",\s*"(\w+)",\s*(true|false)(, 1\'000)?\}',
        text("config/load.cpp"))
    return {(key, table_of(pool)): f"`{name}`" + (" (in s)" if unit else "")
            for name, key, pool, unit in rows}


def bounds(setting, numbers, choices):
    if setting.place in numbers:
        least, most, _ = numbers[setting.place]
        return f"{least:,} to {most:,}"
    if setting.key in choices:
        return ", ".join(f"`{word}`" for word in choices[setting.key])
    return "`true`, `false`" if setting.default in ("true", "false") else ""


def meaning(setting, numbers):
    """Its text without the bounds, which stand beside it."""
    told = re.sub(r"(?:^|(?<=[.…] ))\d+ to \d+( \([^)]*\))?\.( |$)", "",
                  setting.text).strip()
    if not told and setting.place in numbers:
        told = numbers[setting.place][2]
        told = told[0].upper() + told[1:] + "."
    return told.replace("|", "\\|")


def rows(of):
    numbers, choices, named = tunables(), words(), variables()
    yield "| setting | default | may be | what it is |"
    yield "|---|---|---|---|"
    for each in settings():
        if each.table != of:
            continue
        key = f"`{each.key}`"
        if each.place in named:
            key += f"<br>{named[each.place]}"
        yield (f"| {key} | `{each.default}` | {bounds(each, numbers, choices)} "
               f"| {meaning(each, numbers)} |")


def environment():
    source = text("runtime/hosts/worker_environment.cpp")
    body = re.search(r"patterns\[\] = \{(.*?)\};", source, re.DOTALL)[1]
    body = re.sub(r"//.*", "", body)
    names = ", ".join(f"`{name}`" for name in re.findall(r'"([^"]+)"', body))
    return ENVIRONMENT.format(names=textwrap.fill(f"Always: {names}", 88))


def page():
    parts = [OPENING, *rows("")]
    for name, told in tables():
        if name == POOL:
            told += " The variables are for the pool `default`."
        parts += ["", f"## `[{name}]`", "", textwrap.fill(told, 88), "",
                  *rows(name)]
    return "\n".join(parts) + "\n" + environment()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true",
                        help="only tell whether the page is up to date")
    options = parser.parse_args()
    if not options.check:
        PAGE.write_text(page(), encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page():
        print("docs/SETTINGS.md is not what config/ says: run "
              "tools/settings_page.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
