"""Downloads that break off, and archives that mean harm; from a server on this machine."""

import functools
import http.server
import io
import re
import tarfile
import threading
import zipfile

import pytest

from tf_inversion import errors
from tf_inversion.audio import downloads

DATA = bytes(range(256)) * 10000
HALF = len(DATA) // 2


class Handler(http.server.BaseHTTPRequestHandler):
    """Knows /whole, /breaks (off half-way, unless asked for the rest) and /no_ranges."""

    def do_GET(self):
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted and self.path != "/no_ranges" else 0
        self.server.starts.append(start)
        if self.path not in ("/whole", "/breaks", "/no_ranges"):
            return self.send_error(404)
        if start >= len(DATA):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(DATA) - start))
        self.end_headers()
        return self.wfile.write(DATA[start:HALF] if self.path == "/breaks" and not start else DATA[start:])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.starts = []
        running.url = f"http://127.0.0.1:{running.server_port}"
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def test_a_download_that_broke_off_goes_on(server, tmp_path):
    path, bars = tmp_path / "new" / "file.part", []

    def progress(chunks, **options):
        bars.append((options["initial"], options["total"]))
        return chunks

    fetch = functools.partial(downloads.download, f"{server.url}/breaks", path, progress)
    with pytest.raises(errors.DatasetError, match="broke off"):
        fetch()
    assert path.read_bytes() == DATA[:HALF]
    fetch()
    assert path.read_bytes() == DATA
    fetch()  # all of it is there: the server has no more
    assert path.read_bytes() == DATA
    assert server.starts == [0, HALF, len(DATA)]
    assert bars == [(0, 3), (1, 3)]


def test_a_server_without_ranges_starts_again(server, tmp_path):
    (tmp_path / "part").write_bytes(b"something")
    downloads.download(f"{server.url}/no_ranges", tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == DATA


def test_an_absent_file_or_server_is_told_and_leaves_nothing(server, tmp_path):
    with pytest.raises(errors.DatasetError, match=r"/absent: the server answers 404"):
        downloads.download(f"{server.url}/absent", tmp_path / "new" / "part")
    with pytest.raises(errors.DatasetError, match="no connection"):
        downloads.download("http://127.0.0.1:9/file", tmp_path / "new" / "part")
    assert not list(tmp_path.iterdir())


def tar(path, *members):
    """Writes a tar.gz of (name, contents), or of links: (name, None)."""
    with tarfile.open(path, "w:gz") as archive:
        for name, contents in members:
            info = tarfile.TarInfo(name)
            if contents is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
                archive.addfile(info)
            else:
                info.size = len(contents)
                archive.addfile(info, io.BytesIO(contents))
    return path


WANTED = re.compile(r"(?:\w+/)?(clips/\w+\.wav)")


def files_below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_nothing_but_what_is_wanted_leaves_a_tar(tmp_path):
    archive = tar(
        tmp_path / "evil.tar.gz",
        ("top/clips/good.wav", b"good"),
        ("../clips/up.wav", b"evil"),
        ("/clips/root.wav", b"evil"),
        ("top/clips/../../up.wav", b"evil"),
        ("clips/link.wav", None),
        ("top/other.txt", b"other"),
    )
    assert downloads.unpack(archive, tmp_path / "a" / "b", WANTED) == 1
    assert files_below(tmp_path) == {"evil.tar.gz", "a/b/clips/good.wav"}
    assert (tmp_path / "a/b/clips/good.wav").read_bytes() == b"good"


def test_zip_archives_too(tmp_path):
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("top/clips/good.wav", b"good")
        archive.writestr("../clips/up.wav", b"evil")
    assert downloads.unpack(tmp_path / "data.zip", tmp_path / "out", WANTED) == 1
    assert files_below(tmp_path) == {"data.zip", "out/clips/good.wav"}


def test_improbable_sizes_are_refused(tmp_path):
    archive = tar(tmp_path / "bomb.tar.gz", ("clips/bomb.wav", bytes(20_000_001)))
    with pytest.raises(errors.DatasetError, match="too large"):
        downloads.unpack(archive, tmp_path / "out", WANTED)


@pytest.mark.parametrize("damage", ["not an archive", "cut off"])
def test_damaged_archives_are_told(tmp_path, damage):
    path = tmp_path / "data.tar.gz"
    if damage == "not an archive":
        path.write_bytes(b"<html>sign in first</html>" * 50)
    else:
        whole = tar(path, *((f"clips/{i}.wav", bytes(range(256)) * 20) for i in range(50))).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(errors.DatasetError, match=r"data\.tar\.gz: damaged"):
        downloads.unpack(path, tmp_path / "out", WANTED)
