"""How commands treat the process that they own: streams, signals, temporary files, environment."""

import os
import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import ctypes, logging, os, sys, tempfile, time
from absl import flags
from tf_inversion import paths
from tf_inversion.scripts import command

FLAGS = flags.FlagValues()
flags.DEFINE_string("path", "", "A path.", flag_values=FLAGS)

def main(arguments):
    {}

sys.exit(command.runner(main, "A command.", FLAGS)())
"""


def _heed_signals() -> None:
    """Whoever runs the tests in the background, or by nohup, has them ignore these."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def start(tmp_path):
    """Returns a function that starts a command of some lines, in a folder that is its home too."""

    def start(*lines: str, shell: str = "exec {}", **environment: str) -> subprocess.Popen:
        (tmp_path / "temporary").mkdir(exist_ok=True)
        (tmp_path / "small").write_text(PROGRAM.format("\n    ".join(lines)))
        return subprocess.Popen(
            shell.format(f"{sys.executable} small"),
            shell=True,
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path / "temporary"), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            preexec_fn=_heed_signals,
        )

    return start


@pytest.fixture
def run(start):
    """Returns a function that runs a command of some lines, and returns its code, stdout and stderr."""

    def run(*lines: str, **options: str) -> tuple[int, str, str]:
        process = start(*lines, **options)
        output, complaints = process.communicate(timeout=60)
        return process.returncode, output, complaints

    return run


NATIVE = r"os.write(2, b'I0000 native.cc:1] noise\n')"


def test_stderr_has_our_lines_only(run):
    ours = "logging.getLogger('tf_inversion.x').warning('mind this')"
    theirs = "logging.getLogger('tensorflow').warning('retracing'); import warnings; warnings.warn('old')"
    assert run(NATIVE, ours, theirs, "print('done')") == (0, "done\n", "small: mind this\n")


def test_native_output_is_shown_if_it_is_asked_for(run):
    assert run(NATIVE, TF_CPP_MIN_LOG_LEVEL="0")[2] == "I0000 native.cc:1] noise\n"


def test_destructors_have_no_say(run):
    lines = ("class Zip:", "    def __del__(self): raise OSError(28, 'No space left on device')", "Zip()")
    assert run(*lines) == (0, "", "")


def test_a_crash_is_seen(run):
    code, _, complaints = run(NATIVE, r"os.write(2, b'F0000 native.cc:2] Check failed\n')", "os.abort()")
    assert code == -signal.SIGABRT
    assert "Check failed\n" in complaints
    assert "Fatal Python error: Aborted" in complaints


def test_an_error_of_ours_is_seen(run):
    code, _, complaints = run("1 / 0")
    assert code == 1
    assert complaints.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(run, tmp_path, closed):
    lines = (
        "with paths.writing('file') as path, open(path, 'w') as file:",
        "    print('lost?'); print('lost?', file=sys.stderr); os.write(2, b'lost?')",
        "    file.write('kept')",
    )
    code, output, complaints = run(*lines, shell=f"exec {{}} {closed}")
    assert code == 0
    assert output == ("" if ">&-" in closed.split() else "lost?\n")
    assert complaints == ("" if "2>&-" in closed else "lost?\n")
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1:strict", "utf-8"])
def test_names_that_the_terminal_cannot_show(run, encoding):
    lines = ("name = 'cl\u00ed \u97f3 \\udcff'", "print(name)", "raise FileNotFoundError(2, 'absent', name)")
    code, output, complaints = run(*lines, PYTHONIOENCODING=encoding)
    assert code == 1
    assert output.startswith("cl")
    assert complaints.startswith("small: cl")
    assert complaints.endswith(": absent\n")


@pytest.mark.parametrize(
    ("shell", "answer"),
    [
        ("exec {} >/dev/full", (1, "", "small: No space left on device\n")),
        ("{} | true; exit ${{PIPESTATUS[0]}}", (141, "", "")),
    ],
)
def test_output_that_cannot_be_written(run, shell, answer):
    shell = f"exec bash -c '{shell}'"
    assert run("time.sleep(0.2)", "print('x' * 100000)", shell=shell) == answer


def test_temporary_files_that_cannot_be_written(run):
    code, output, complaints = run("print('work')", shell="ulimit -f 100; exec {}")
    assert (code, output) == (1, "")
    words = "File too large; name a folder for temporary files by TMPDIR\n"
    assert complaints.endswith(words)
    assert complaints.count("\n") == 1
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, -1))"
    code, _, complaints = run(full, "raise ValueError('what TensorFlow makes of it')")
    assert code == 1
    assert complaints.endswith(words)
    assert complaints.count("\n") == 1


def test_a_tilde_is_the_home_folder(run, tmp_path):
    code, output, _ = run("print(FLAGS.path, *arguments)", shell="exec {} --path='~/a' '~/b' ./~ c~")
    assert (code, output) == (0, f"{tmp_path}/a {tmp_path}/b ./~ c~\n")


def test_keras_is_as_we_need_it(run, tmp_path):
    (tmp_path / ".keras").mkdir()
    settings = '{"backend": "jax", "floatx": "float16", "image_data_format": "channels_first"}'
    (tmp_path / ".keras" / "keras.json").write_text(settings)
    ask = "from keras import config; print(config.backend(), config.floatx(), config.image_data_format())"
    answer = (0, "tensorflow float32 channels_last\n", "")
    assert run(ask, KERAS_BACKEND="jax") == answer


BUSY = {
    "python": ("while True: time.sleep(0.01)",),
    "native code": ("ctypes.CDLL(None).sleep(60)",),
    "deaf": ("while True:", "    try: time.sleep(60)", "    except KeyboardInterrupt: pass"),
}


@pytest.mark.parametrize("lines", BUSY.values(), ids=BUSY)
@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated"), (signal.SIGHUP, "hung up")],
)
def test_signals_are_obeyed_and_leave_nothing(start, tmp_path, lines, number, words):
    writing = ("with paths.writing('out') as out, tempfile.TemporaryDirectory() as folder:",)
    ready = ("out.mkdir()", "open(tempfile.mkstemp()[1], 'w').write('x')", "print('ready', flush=True)")
    process = start(*writing, *(f"    {line}" for line in (*ready, *lines)))
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(number)
    sent = time.monotonic()
    _, complaints = process.communicate(timeout=60)
    assert time.monotonic() - sent < 2
    assert (process.returncode, complaints) == (128 + number, f"small: {words}\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small", "temporary"]
    assert [*(tmp_path / "temporary").iterdir()] == []


def test_nohup_is_respected(start):
    process = start("print('ready', flush=True)", "time.sleep(1)", "print('done')", shell="exec nohup {}")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGHUP)
    assert process.communicate(timeout=60)[0] == "done\n"


def test_a_kill_leaves_no_temporary_files(start, tmp_path):
    process = start("tempfile.mkstemp()", "print('ready', flush=True)", "time.sleep(60)")
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.communicate(timeout=60)  # until whoever cleans up has closed stderr too
    assert [*(tmp_path / "temporary").iterdir()] == []
