"""What a worker for this Python is compiled with, in three lines: the folder
of Python.h, the file of libpython, and what that needs where it is no shared
one. A line is empty where there is none."""

import os
import sys
import sysconfig

get = sysconfig.get_config_var
name = "python%d.%d%s" % (*sys.version_info[:2], sys.abiflags)


def first(folders, names):
    for each in names:
        for folder in folders:
            if folder and each and os.path.isfile(os.path.join(folder, each)):
                return os.path.join(folder, each)
    return ""


header = first(
    (sysconfig.get_path("include"), get("INCLUDEPY"),
     os.path.join(sys.base_prefix, "include", name)), ["Python.h"])
folders = (get("LIBDIR"),
           os.path.join(get("LIBDIR") or "", get("MULTIARCH") or ""),
           os.path.join(sys.base_prefix, "lib"), get("LIBPL"))
shared = [each for each in (get("INSTSONAME"), get("LDLIBRARY"))
          if each and ".so" in each]
library = first(folders, [*shared, f"lib{name}.so.1.0", f"lib{name}.so"])
links = ""
if not library:
    library = first(folders, [get("LIBRARY"), f"lib{name}.a"])
    links = " ".join(each or "" for each in (get("LIBS"), get("SYSLIBS")))
print(os.path.dirname(header), library, links, sep="\n")
