"""The server behind the page of explore_latents, by requests that no visitor of good will sends."""

import concurrent.futures
import io

import numpy as np
import pytest
import soundfile

pytest.importorskip("gradio", reason="needs Gradio: pip install 'tf-inversion[demo]'")
httpx = pytest.importorskip("httpx")

API = "gradio_api"


def encoded(samples, rate=8000, kind="WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind)
    return file.getvalue()


TONE = encoded(0.3 * np.sin(np.arange(4000) / 3))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Where uploads go, and where the server runs."""
    return tmp_path_factory.mktemp("uploads"), tmp_path_factory.mktemp("here")


@pytest.fixture(scope="module")
def client(chord, folders):
    from tf_inversion.applications.explorer_page import serving

    uploads, here = folders
    (here / "private.wav").write_bytes(TONE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setenv("GRADIO_TEMP_DIR", str(uploads))
        patch.setenv("GRADIO_RUN_HISTORY", "True")  # to be restored
        with (
            serving(chord, None, [], port=None) as address,
            httpx.Client(base_url=address, timeout=100) as http,
        ):
            yield http


def upload(client, content, name="clip.wav", **options):
    return client.post(f"{API}/upload", files={"files": (name, content)}, **options)


def load(client, path):
    """Asks to invert a file; returns the server's events as text."""
    file = path and {"path": path, "meta": {"_type": "gradio.FileData"}}
    answer = client.post(f"{API}/call/_load", json={"data": [file, False, "encoder", 10]})
    return client.get(f"{API}/call/_load/{answer.json()['event_id']}").text


def test_many_visitors_at_once(client):
    (path,) = upload(client, TONE).json()
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: load(client, path), range(5)))
    assert all("event: complete" in answer and "encoder: encoded" in answer for answer in answers)


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null", "http://127.0.0.1:1"])
def test_pages_of_other_origins_are_refused(client, origin):
    headers = {"Origin": origin}
    assert upload(client, TONE, headers=headers).status_code == 403
    assert client.post(f"{API}/call/_draw", json={"data": []}, headers=headers).status_code == 403


def test_the_own_page_is_served_under_its_own_names_only(client):
    address = str(client.base_url).rstrip("/")
    assert upload(client, TONE, headers={"Origin": address}).status_code == 200
    port = client.base_url.port
    assert client.get("/", headers={"Host": f"localhost:{port}"}).status_code == 200
    assert client.get("/", headers={"Host": f"rebound.example:{port}"}).status_code == 403


@pytest.mark.parametrize(
    "name", ["../../up.wav", "/up.wav", "a\0b.wav", "..\\up.wav", 300 * "x" + ".wav", ".."]
)
def test_names_lead_nowhere_else(client, folders, name):
    uploads, here = folders
    answer = upload(client, TONE, name)
    if answer.status_code == 200:
        assert answer.json()[0].startswith(str(uploads))
    assert [path.name for path in here.iterdir()] == ["private.wav"]
    assert not list(uploads.parent.glob("*up.wav"))


@pytest.mark.parametrize("path", ["/etc/passwd", "private.wav", "../private.wav", "http://127.0.0.1:1/x.wav"])
def test_only_what_was_uploaded_is_read(client, folders, path):
    assert "event: error" in load(client, path)
    assert "event: error" in load(client, str(folders[1] / path))
    assert client.get(f"{API}/file={folders[1] / path}").status_code in (403, 404)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (encoded(np.zeros((40 * 48000, 8), np.int16), 48000, "FLAC"), "is silent"),
        (encoded(np.ones((9, 1000))).replace(b"\xe8\x03", b"\x10\x27", 1), "not readable as audio"),
        (None, "Give it a clip first"),
    ],
    ids=["flac_of_silence", "channels", "nothing"],
)
def test_odd_uploads_get_one_line(client, content, words):
    path = content and upload(client, content).json()[0]
    assert words in load(client, path)


def test_large_uploads_are_refused(client):
    assert upload(client, bytes(21 * 2**20)).status_code == 413
    assert client.get("/").status_code == 200
