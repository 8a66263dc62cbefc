"""The namespaces of sessions, and the sources that were run in them.

A session's namespace is the `__dict__` of a module of its own that lies in
sys.modules, so that what is defined there is found by its name: by pickle,
dataclasses, typing, mock. Its sources are kept for tracebacks (linecache), for
`inspect` and for the processes that Python starts; bounded, and until the
session ends. Run once in each interpreter (session_module.cpp), which sets
`sources_text`, `source_bytes_max` and `sources_max`."""

import io
import itertools
import os
import sys
from types import ModuleType

prefix = "__snakebridge_session_"
# From anywhere: a pickle of another process names no session of this one.
numbers = itertools.count(int.from_bytes(os.urandom(4), "big") + 1)
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


class ByValue:
    """Functions and classes of `__main__` cloudpickle sends whole, because no
    other process can import them: so it does those of sessions. It is told when
    it is loaded, which this finder sees."""

    names = ("cloudpickle.cloudpickle",
             "joblib.externals.cloudpickle.cloudpickle")

    @classmethod
    def known(cls):
        """The sets it has such modules in."""
        for name in cls.names:
            found = getattr(sys.modules.get(name), "_PICKLE_BY_VALUE_MODULES",
                            None)
            if isinstance(found, set):
                yield found

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name not in cls.names:
            return None
        for finder in sys.meta_path:
            spec = (None if finder is cls
                    else finder.find_spec(name, path, target))
            if spec is None:
                continue
            load = spec.loader.exec_module

            def load_and_tell(module):
                load(module)
                for each in cls.known():
                    each.update(living)

            spec.loader.exec_module = load_and_tell
            return spec
        return None


def lines_of(source):
    """As Python counts them: `str.splitlines` knows more ends than that."""
    return io.StringIO(source, newline=None).readlines()


def dedented(source):
    """Without what the first line is indented by: C++'s raw strings are."""
    for line in lines_of(source):
        text = line.lstrip(" \t").rstrip("\n")
        if not text:
            continue
        margin = line[:len(line) - len(line.lstrip(" \t"))]
        if not margin:
            break
        return "".join(each.removeprefix(margin) for each in lines_of(source))
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
        # By source its code, those run of late last. Each mode has its own: an
        # eval defines nothing that is looked for later.
        self.codes = {"eval": {}, "exec": {}}
        self.bytes = {"eval": 0, "exec": 0}
        try:
            living[self.name] = self
            sys.modules[self.name] = self.module
            for each in ByValue.known():
                each.add(self.name)
        except BaseException:  # interrupted
            self.end()
            raise

    def compile(self, source, mode):
        """The code of a source that is about to run, and the source kept."""
        codes, key = self.codes[mode], source
        code = codes.pop(key, None)
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
            codes[key] = code  # first: what is kept of it goes with it
            self.bytes[mode] += len(key)
            self.keep(source, file, mode)
        else:
            codes[key] = code
            self.run_again(code.co_filename)
        if self.bytes[mode] > source_bytes_max or len(codes) > sources_max:
            self.forget_oldest(mode)
        return code

    def keep(self, source, file, mode):
        import linecache
        linecache.cache[file] = (len(source), None, lines_of(source), file)
        if mode == "exec":
            send_sources_to_children()
            spawned["sessions"].setdefault(self.name, {})[file] = source
            if "class" in source:
                let_classes_be_found()

    def run_again(self, file):
        """In children it is run once, last: what it defines is the newest."""
        sources = spawned["sessions"].get(self.name, {})
        if file in sources:
            sources[file] = sources.pop(file)

    def forget_oldest(self, mode):
        """Not the newest, which is about to run."""
        for key in list(self.codes[mode])[:-1]:
            if self.bytes[mode] <= source_bytes_max \
                    and len(self.codes[mode]) <= sources_max:
                break
            self.forget(key, mode)

    def forget(self, key, mode):
        import linecache
        file = self.codes[mode].pop(key).co_filename
        self.bytes[mode] -= len(key)
        linecache.cache.pop(file, None)
        spawned["sessions"].get(self.name, {}).pop(file, None)

    def file_of(self, cls):
        """The file of the newest source that defines the class."""
        import ast
        line = cls.__dict__.get("__firstlineno__")  # Python 3.13
        names = cls.__qualname__.split(".")
        if "<locals>" in names:
            return None
        sources = spawned["sessions"].get(self.name, {})
        for file, source in reversed(list(sources.items())):
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
        for mode, codes in self.codes.items():
            for key in list(codes):
                self.forget(key, mode)
        for each in ByValue.known():
            each.discard(self.name)
        spawned["sessions"].pop(self.name, None)
        living.pop(self.name, None)
        if sys.modules.get(self.name) is self.module:
            del sys.modules[self.name]


sys.meta_path.insert(0, ByValue)


def frame_code(perform):
    """The code of the frame that calls stand in: it runs `perform` and names
    nothing, so that the namespace it runs in stays as it is."""
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nobody calls an ellipsis
        code = compile("(...)()", "<call>", "eval", dont_inherit=True)
    return code.replace(co_consts=tuple(
        perform if each is ... else each for each in code.co_consts))
