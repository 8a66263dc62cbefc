"""The namespaces of sessions, and the sources that were run in them.

A session's namespace is the `__dict__` of a module of its own that lies in
sys.modules, so that what is defined there is found by its name: by pickle,
dataclasses, typing, mock. Its sources are kept for tracebacks (linecache), for
`inspect` and for the processes that Python starts; bounded, and until the
session ends. Run once in each interpreter (session_module.cpp), which sets
`sources_text`, `source_bytes_max` and `sources_max`."""

import itertools
import sys
from types import ModuleType

prefix = "__snakebridge_session_"
numbers = itertools.count(1)
files = itertools.count(1)
living = {}  # by the names of their modules
spawned = {"__name__": "snakebridge", "code": sources_text, "sessions": {}}


def warn_of_deprecations():
    """In sessions as in `__main__`: those who call are those who can mend."""
    import warnings
    names = prefix + r"\d+__\Z"
    hidden = ("ignore", None, DeprecationWarning, None, 0)
    is_hidden = hidden in warnings.filters
    if is_hidden:  # by Python itself: what the user said comes before it
        warnings.filters.remove(hidden)
    warnings.filterwarnings("default", category=DeprecationWarning,
                            module=names, append=True)
    if is_hidden:
        warnings.simplefilter("ignore", DeprecationWarning, append=True)


def send_sources_to_children():
    """Puts them into sys.path: see session_sources.py."""
    import os
    if "Path" not in spawned:
        exec(compile(sources_text, "<snakebridge>", "exec"), spawned)
    path = spawned["Path"]
    if not any(isinstance(each, path) for each in sys.path):
        library = os.path.dirname(os.__file__)
        at = next((i for i, each in enumerate(sys.path) if each == library), 0)
        sys.path[at:at + 1] = [path(each) for each in sys.path[at:at + 1]]


def let_classes_be_found():
    """`inspect` looks for a class in the one file of its module; a session's
    module has as many as it has run sources."""
    import inspect
    if hasattr(inspect.getfile, "of_sessions"):
        return
    getfile = inspect.getfile

    def with_sessions(object):
        module = getattr(object, "__module__", None)
        session = None
        if isinstance(object, type) and isinstance(module, str):
            session = living.get(module)
        return session and session.file_of(object) or getfile(object)

    with_sessions.of_sessions = True
    with_sessions.__doc__ = getfile.__doc__
    inspect.getfile = with_sessions


def dedented(source):
    """Without what the first line is indented by: C++'s raw strings are."""
    for line in source.splitlines():
        text = line.lstrip(" \t")
        if not text:
            continue
        margin = line[:len(line) - len(text)]
        if not margin:
            break
        return "".join(each.removeprefix(margin)
                       for each in source.splitlines(keepends=True))
    return source


def say_that_nothing_awaits(failed):
    """Appends to the message of a SyntaxError of `await` outside a function."""
    told = failed.msg or ""
    if "outside async function" in told or "outside function" in told \
            or "outside of an asynchronous function" in told:
        if "await" in told or "async" in told:
            failed.msg = (f"{told}: nothing awaits at the top of eval and exec "
                          "yet; define an async function, and run it by "
                          "asyncio.run()")


class Session:
    def __init__(self, builtins):
        self.name = f"{prefix}{next(numbers)}__"
        while self.name in sys.modules:  # of another copy of the library
            self.name = f"{prefix}{next(numbers)}__"
        self.module = ModuleType(self.name)
        self.space = self.module.__dict__
        self.space["__builtins__"] = builtins
        self.codes = {}  # (source, mode): the code, those run of late last
        self.bytes = 0
        try:
            living[self.name] = self
            sys.modules[self.name] = self.module
        except BaseException:  # interrupted
            self.end()
            raise

    def compile(self, source, mode):
        """The code of a source, and the source kept."""
        key = source, mode
        code = self.codes.pop(key, None)
        if code is None:
            if "\0" in source:
                raise ValueError("source code cannot contain null bytes")
            source = source.strip() if mode == "eval" else dedented(source)
            file = f"<{mode} {next(files)}>"
            try:
                code = compile(source, file, mode, dont_inherit=True)
            except SyntaxError as failed:
                say_that_nothing_awaits(failed)
                raise
            self.keep(source, file, mode)
            self.bytes += len(key[0])
        self.codes[key] = code
        if self.bytes > source_bytes_max or len(self.codes) > sources_max:
            self.forget_oldest()
        return code

    def keep(self, source, file, mode):
        import linecache
        lines = source.splitlines(keepends=True)
        linecache.cache[file] = (len(source), None, lines, file)
        if mode == "exec":
            send_sources_to_children()
            spawned["sessions"].setdefault(self.name, []).append((file, source))
            if "class" in source:
                let_classes_be_found()

    def forget_oldest(self):
        """Not the newest, which is about to run."""
        for key in list(self.codes)[:-1]:
            if self.bytes <= source_bytes_max and len(self.codes) <= sources_max:
                break
            self.forget(key)

    def forget(self, key):
        import linecache
        file = self.codes.pop(key).co_filename
        self.bytes -= len(key[0])
        linecache.cache.pop(file, None)
        sources = spawned["sessions"].get(self.name, [])
        sources[:] = [each for each in sources if each[0] != file]

    def file_of(self, cls):
        """The file of the newest source that defines the class."""
        import ast
        line = cls.__dict__.get("__firstlineno__")  # Python 3.13
        names = cls.__qualname__.split(".")
        if "<locals>" in names:
            return None
        for file, source in reversed(spawned["sessions"].get(self.name, [])):
            if names[-1] not in source:
                continue
            body, found = ast.parse(source).body, None
            for name in names:
                found = next((each for each in reversed(body)
                              if isinstance(each, ast.ClassDef)
                              and each.name == name), None)
                if found is None:
                    break
                body = found.body
            if found is not None:
                first = min([found.lineno]
                            + [each.lineno for each in found.decorator_list])
                if line in (None, found.lineno, first):
                    return file
        return None

    def end(self):
        """What nobody needs after the last finaliser has run."""
        for key in list(self.codes):
            self.forget(key)
        spawned["sessions"].pop(self.name, None)
        living.pop(self.name, None)
        if sys.modules.get(self.name) is self.module:
            del sys.modules[self.name]


def frame_code(perform):
    """The code of the frame that calls stand in: it runs `perform` and names
    nothing, so that the namespace it runs in stays as it is."""
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nobody calls an ellipsis
        code = compile("(...)()", "<call>", "eval", dont_inherit=True)
    return code.replace(co_consts=tuple(
        perform if each is ... else each for each in code.co_consts))
