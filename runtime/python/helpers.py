"""The helpers of one interpreter: functions that its calls find by name.

A helper file exports them by `__snakebridge_helpers__`, `snakebridge_helpers()`
or `HELPERS`, a dict of names and functions. A name with a dot, "lib.func", is
whole; to another the file's name is put in front. Files count in this order:
those of the library, those of the folders in theirs, those that the program has
given; of two helpers of one name the later is meant. A file that fails takes no
other down. Run once in each interpreter (helper_registry.cpp), which sets
`pack_text` and the bounds."""

import _thread
import os
import stat
import sys

# A thread that waits for another to load files is interrupted between two looks
# at it: in a lock it is not, but for the main thread.
look_again_s = 0.05

# What is told of failures.
failures_told_max = 5
failure_text_max = 500

# What frames of ours are in.
here = sys._getframe().f_code.co_filename

# By the names in sys.modules, those that are ours.
modules = {}


class File:
    """A helper file as it was loaded: its helpers, or why there are none."""

    def __init__(self, place, stem, stamp=None):
        self.place = place
        self.stem = stem
        self.stamp = stamp
        self.found = {}
        self.exports = False
        self.failure = None

    def fail(self, failure):
        trace = failure.__traceback__
        while trace and trace.tb_frame.f_code.co_filename == here:
            trace = trace.tb_next
        self.failure = failure.with_traceback(trace)

    def why(self):
        try:
            text = str(self.failure)
        except Exception:
            text = "<no text>"
        text = f"{type(self.failure).__name__}: {text}"
        return text[:failure_text_max]


def stamp_of(info):
    return info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


def read(place):
    """The text of a file, and the stamp of what was read."""
    # A pipe would keep us waiting for who writes it.
    at = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(at, "rb") as file:
        info = os.fstat(at)
        if not stat.S_ISREG(info.st_mode):
            raise OSError("it is no regular file")
        text = file.read(bytes_max + 1)
    if len(text) > bytes_max:
        raise OSError(f"it has more than {bytes_max} bytes")
    return text, stamp_of(info)


def new_module(file):
    """Named as the file, unless there is another module of that name."""
    from importlib.machinery import ModuleSpec, SourceFileLoader
    from importlib.util import (find_spec, module_from_spec,
                                spec_from_file_location)

    name, there = file.stem, sys.modules.get(file.stem)
    if there is not None:
        is_free = there is modules.get(name) \
            or getattr(there, "__file__", None) == file.place
    else:
        found = find_spec(name) if name.isidentifier() else None
        is_free = name.isidentifier() \
            and (found is None or found.origin == file.place)
    if not is_free:
        name = f"snakebridge_helpers_{name}"
    if file.stamp is not None:
        return module_from_spec(spec_from_file_location(
            name, file.place, loader=SourceFileLoader(name, file.place)))
    return module_from_spec(ModuleSpec(name, None, origin=file.place))


def run(file, text):
    """Runs it, as a module that others can import, and takes its helpers."""
    code = compile(text, file.place, "exec", dont_inherit=True)
    module = new_module(file)
    name = module.__name__
    before = sys.modules.get(name)
    sys.modules[name] = module
    is_whole = False
    try:
        exec(code, module.__dict__)
        file.found = helpers_of(module, file)
        modules[name] = module
        is_whole = True
    finally:
        if not is_whole:
            if before is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = before


def helpers_of(module, file):
    exported = None
    for name in "__snakebridge_helpers__", "snakebridge_helpers", "HELPERS":
        exported = getattr(module, name, None)
        if exported is not None:
            break
    else:
        return {}
    file.exports = True
    if name == "snakebridge_helpers":
        exported = exported()
    if not isinstance(exported, dict):
        raise TypeError(f"{name} must be a dict of names and functions, not "
                        f"{type(exported).__name__}")
    found = {}
    for each, function in exported.items():
        if not isinstance(each, str) or not each:
            raise TypeError(f"{name}: {each!r} must be a name")
        whole = each if "." in each else f"{file.stem}.{each}"
        if len(whole.encode("utf-8", "surrogatepass")) > name_bytes_max:
            raise ValueError(f"{name}: a name has at most {name_bytes_max} "
                             "bytes")
        if not callable(function):
            raise TypeError(f"{name}: {each!r} must be a function, not "
                            f"{type(function).__name__}")
        found[str(whole)] = function
    return found


def load(file, text):
    try:
        run(file, text)
    except (Exception, SystemExit) as failed:
        file.fail(failed)
    return file


def load_from(place):
    file = File(place, os.path.basename(place).removesuffix(".py"))
    try:
        text, file.stamp = read(place)
    except OSError as failed:
        file.fail(failed)
        return file
    return load(file, text)


def first_line(function):
    import inspect

    try:
        text = inspect.getdoc(function) or ""
        if not isinstance(function, type) \
                and text == inspect.getdoc(type(function)):
            return ""  # of its class
        lines = (each.strip() for each in text.splitlines())
        return next(filter(None, lines), "")[:doc_max]
    except Exception:
        return ""


def signature_of(function):
    import inspect

    try:
        return str(inspect.signature(function))[:signature_max]
    except Exception:
        return "(...)"


class Helpers:
    def __init__(self, paths, pack_enabled, allowlist, reload):
        self._paths = paths
        self._pack_enabled = pack_enabled
        self._allows_all = not allowlist or "all" in allowlist
        self._allowlist = allowlist
        self._reload = reload
        self._lock = _thread.RLock()
        self._pack = None
        self._files = {}    # by place, in the order they count
        self._folders = {}  # by path, what was found there
        self._failed = []   # folders that cannot be read
        self._sources = {}  # of the program: text and file, by name
        self._given = 0
        self._loaded = []   # all files, in the order they count
        self._known = None  # by name: function and file

    def find(self, name, given):
        """The helper; else None, whether it is refused, and why."""
        if len(name) > name_bytes_max:
            return None, False, ("there is no helper of a name of "
                                 f"{len(name)} characters")
        if not self._allows(name):
            allowed = ", ".join(self._allowlist[:20])
            return None, True, (f"helper '{name}' is not among those that "
                                f"helper_allowlist allows ({allowed}); add it "
                                "there")
        self._refresh(given)
        known = (self._known or {}).get(name)
        if known is not None:
            return known[0], False, None
        for file in reversed(self._loaded):
            if file.failure is not None and name.startswith(f"{file.stem}."):
                return None, False, self._load_error(file)
        return None, False, self._unknown(name)

    def list(self, given):
        self._refresh(given)
        known = self._known or {}
        return {
            "found": [(name, signature_of(function), first_line(function),
                       file.place)
                      for name, (function, file) in sorted(known.items())
                      if self._allows(name)],
            "failed": [(file.place, file.why()) for file in self._loaded
                       if file.failure is not None],
        }

    def _allows(self, name):
        return self._allows_all or any(
            name.startswith(each[:-1]) if each.endswith("*") else name == each
            for each in self._allowlist)

    def _load_error(self, file):
        from snakebridge import HelperLoadError

        error = HelperLoadError(
            f"helper file '{file.place}' does not load: {file.why()}",
            name=file.stem, path=file.place)
        error.__cause__ = file.failure
        return error

    def _unknown(self, name):
        import difflib

        said = f"there is no helper '{name}'"
        known = [each for each in self._known or {} if self._allows(each)]
        near = difflib.get_close_matches(name, known, 3)
        if near:
            said += "; near it: " + ", ".join(near)
        looked = [f"'{path}' ({what})" for path, what in self._folders.items()]
        if self._pack_enabled:
            looked.append("the library's own")
        if self._sources:
            looked.append("the program's")
        said += "; looked in " + (", ".join(looked) or "no folder: helper_paths"
                                  " is empty")
        for file in self._loaded:
            if not file.exports and file.failure is None \
                    and name.startswith(f"{file.stem}."):
                said += (f"; '{file.place}' exports none: it has no "
                         "__snakebridge_helpers__, snakebridge_helpers() or "
                         "HELPERS")
        failed = [each for each in self._loaded if each.failure is not None]
        for file in failed[:failures_told_max]:
            said += f"; '{file.place}' does not load: {file.why()}"
        return said

    def _refresh(self, given):
        if self._known is not None and not self._reload \
                and given <= self._given:
            return
        # A file that is being loaded asks for helpers: those there are.
        if self._lock._is_owned():
            return
        try:
            while not self._lock.acquire(timeout=look_again_s):
                pass
            if self._known is None or self._reload:
                self._load_files()
            if given > self._given:
                self._take_given()
            self._count_in()
        finally:
            if self._lock._is_owned():  # it may have been interrupted
                self._lock.release()

    def _load_files(self):
        """What is new or has changed. Interrupted, it goes on next time."""
        if self._pack is None and self._pack_enabled:
            self._pack = load(File("<built in>", "snakebridge"), pack_text)
        places = self._look()
        for place in places:
            known = self._files.get(place)
            if known is None or not self._is_as_it_was(known):
                self._files[place] = load_from(place)
        self._files = {place: self._files[place] for place in places}

    def _look(self):
        """The places of the helper files there are, in order."""
        places, self._folders, self._failed = {}, {}, []
        for path in self._paths:
            what = "no such folder"
            try:
                if os.path.isfile(path):
                    found, what = [path], "a file"
                else:
                    names = sorted(each for each in os.listdir(path)
                                   if each.endswith(".py")
                                   and not each.startswith("_"))
                    found = [os.path.join(path, each) for each in names]
                    what = "1 file" if len(found) == 1 \
                        else f"{len(found)} files"
                    if path not in sys.path:  # for what they share
                        sys.path.append(path)
                if len(places) + len(found) > files_max:
                    raise OSError(f"there are more than {files_max} helper "
                                  "files")
                for place in found:
                    places.pop(place, None)
                    places[place] = None
            except FileNotFoundError:
                pass
            except OSError as failed:
                what = "it fails"
                self._failed.append(File(path, ""))
                self._failed[-1].fail(failed)
            self._folders[path] = what
        return list(places)

    def _is_as_it_was(self, file):
        try:
            return stamp_of(os.stat(file.place)) == file.stamp
        except OSError:
            return file.stamp is None

    def _take_given(self):
        import linecache
        from snakebridge import _program_here

        given, sources = _program_here()(b"helpers")
        for name in self._sources.keys() - sources.keys():
            linecache.cache.pop(self._sources.pop(name)[1].place, None)
        for name, text in sources.items():
            known = self._sources.get(name)
            if known is None or known[0] != text:
                file = File(f"<helpers {name}>", name)
                linecache.cache[file.place] = (
                    len(text), None, text.splitlines(True), file.place)
                self._sources[name] = text, load(file, text)
        self._sources = {name: self._sources[name] for name in sources}
        self._given = given

    def _count_in(self):
        loaded = [each for each in [self._pack] if each is not None]
        loaded += self._failed
        loaded += self._files.values()
        loaded += [file for text, file in self._sources.values()]
        known = {}
        for file in loaded:
            if len(known) + len(file.found) > helpers_max:
                file.found = {}
                file.fail(ValueError(f"there are more than {helpers_max} "
                                     "helpers"))
            for name, function in file.found.items():
                known[name] = function, file
        self._loaded, self._known = loaded, known
