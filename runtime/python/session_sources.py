"""What sessions have run, for the processes that Python starts by itself.

A child that is spawned (multiprocessing's spawn and forkserver, loky) imports
the modules of what it is given to unpickle. A session's module is in no file:
so the list of folders to import from, which every such child is sent first,
takes the sources along. One entry of it is a `Path`: the same text, but
unpickled in a child it makes a finder there that runs the sources again, as
`__mp_main__` is. This text runs in the interpreter of the bridge and, again, in
each child; `code` is the text itself, `sessions` has by module name what was
run, each source by the file it is named as."""

import sys


class Path(str):
    """An entry of sys.path, equal to the text it replaces."""

    def __reduce_ex__(self, protocol):
        known = {name: dict(sources) for name, sources in sessions.items()}
        return eval, (  # of what a child has: names it can be asked for
            "(exec(code, space := {'code': code, 'sessions': sessions}),"
            " space['install'](path))[1]",
            {"code": code, "sessions": known, "path": str(self)})

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


class Sources:
    """Finds a session's module, and makes it by running its sources."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in sessions:
            return None
        from importlib.machinery import ModuleSpec
        return ModuleSpec(name, Sources, origin="the session's sources")

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        import linecache
        from io import StringIO
        from multiprocessing.process import BaseProcess

        # One that starts processes cannot do so again, here: they would want
        # this very module. What it has defined by then is what is wanted.
        def refuse(process):
            raise RuntimeError("no process is started while the sources of a "
                               "session are run again")

        failures = []
        start, BaseProcess.start = BaseProcess.start, refuse
        try:
            for file, source in sessions[module.__name__].items():
                lines = StringIO(source, newline=None).readlines()
                linecache.cache[file] = (len(source), None, lines, file)
                try:
                    exec(compile(source, file, "exec", dont_inherit=True),
                         module.__dict__)
                except (Exception, SystemExit) as failed:
                    failures.append(
                        f"{file}: {type(failed).__name__}: {failed}")
        finally:
            BaseProcess.start = start

        def missing(name):
            raise AttributeError(
                f"module {module.__name__!r} has no attribute {name!r}; what "
                "failed when its sources were run again in this process: "
                + ("; ".join(failures) or "nothing"))

        module.__dict__.setdefault("__getattr__", missing)


def install(path):
    """In a child: the sources are found from now on, and go on to its own."""
    sys.meta_path.append(Sources)
    return Path(path)
