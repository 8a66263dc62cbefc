"""Small packages and an index of them on loopback, for tests of environments."""
import base64
import contextlib
import hashlib
import http.server
import threading
import zipfile


def wheel(folder, name, version, source, requires=()):
    """Writes a wheel of one module; its path."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": metadata + "".join(f"Requires-Dist: {each}\n"
                                               for each in requires),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\n"
                         "Root-Is-Purelib: true\nTag: py3-none-any\n"}
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(
            hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text)}")
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    made = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return made


@contextlib.contextmanager
def index(folder):
    """Serves the wheels of a folder as a package index; its address."""

    class Pages(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # pylint: disable=invalid-name
            parts = self.path.strip("/").split("/")
            if parts[0] == "files" and parts[1].endswith(".metadata"):
                body = self.metadata(parts[1].removesuffix(".metadata"))
            elif parts[0] == "files":
                body = (folder / parts[1]).read_bytes()
            else:
                body = self.page(parts[-1])
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "application/octet-stream"
                             if parts[0] == "files" else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @staticmethod
        def metadata(wheel_name):
            with zipfile.ZipFile(folder / wheel_name) as archive:
                return archive.read(next(
                    each for each in archive.namelist()
                    if each.endswith(".dist-info/METADATA")))

        @staticmethod
        def page(name):
            rows = []
            for each in sorted(folder.glob(f"{name.replace('-', '_')}-*.whl")):
                digest = hashlib.sha256(each.read_bytes()).hexdigest()
                rows.append(f'<a href="/files/{each.name}#sha256={digest}" '
                            'data-core-metadata="true">'
                            f"{each.name}</a>")
            return "<br>".join(rows).encode()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/simple"
        finally:
            server.shutdown()
