"""What a command needs of the process that it owns: environment, streams, temporary files, signals."""

from __future__ import annotations

import atexit
import collections
import contextlib
import faulthandler
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings

from tf_inversion import paths

_ENDINGS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
_PATIENCE = 1.2  # seconds for the main thread to end the command after a signal
_DONE = b"\0\n"  # tells the attendant that the command came to its own end
_ROOM = 2**20  # bytes of temporary files; with less, TensorFlow takes functions for what they are not
_LINES = 40  # of native output that are kept
_signals: list[int] = []  # that came
_last_line = threading.Event()  # has been written


class Ended(KeyboardInterrupt):
    """A signal that ends the command: raised in the main thread, so that unfinished files are removed."""

    def __init__(self, number: int) -> None:
        super().__init__(_ENDINGS[number])
        self.exit_code = 128 + number


def take_over(name: str) -> None:
    """Prepares the process for a command, which has it to itself until it exits.

    - Keras runs on TensorFlow whatever the user's settings, and Python's warnings are off.
    - Closed streams lead nowhere; what a stream's encoding lacks is written as an escape.
    - What native libraries write to stderr is held back, and shown only if the process dies. It is not if the
      environment sets another TF_CPP_MIN_LOG_LEVEL than 3.
    - What fails in destructors is passed over, such as to close a zip file once more on a full disk.
    - Temporary files lie in one folder, removed at the end, even by kill -9.
    - SIGINT, SIGTERM and SIGHUP raise `Ended`, or end the process within two seconds.
    """
    os.environ.update(KERAS_BACKEND="tensorflow", KERAS_HOME=os.devnull)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None
    _open_streams()
    folder = None
    with contextlib.suppress(OSError):  # there may be no place for temporary files, and no need of one
        tempfile.tempdir = os.environ["TMPDIR"] = folder = tempfile.mkdtemp(prefix=f"{name}-")
    held = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3"
    attendant = _start_attendant(folder, held)
    _handle_signals(name, attendant)


def check_temporary_folder() -> None:
    """Raises an OSError if temporary files can't be written, in which TensorFlow keeps code that it makes."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(bytes(_ROOM))
    except OSError as error:
        words = f"{error.strerror}; name a folder for temporary files by TMPDIR"
        raise OSError(error.errno, words, tempfile.tempdir) from error


def lack_of_room(error: Exception) -> str | None:
    """Returns the words for an error whose cause is a full disk, whatever else it says."""
    if full := paths.disk_full(error):
        return f"{full.strerror}; make room"
    try:
        check_temporary_folder()
    except OSError as lacking:
        return f"{lacking.filename}: {lacking.strerror}"
    return None


def complain(name: str, words: str) -> None:
    """Writes the command's last line to stderr."""
    print(f"{name}: {' '.join(words.split())}", file=sys.stderr)
    _last_line.set()


def _open_streams() -> None:
    for number, (name, mode) in enumerate({"stdin": "r", "stdout": "w", "stderr": "w"}.items()):
        try:
            os.fstat(number)
        except OSError:  # closed, and the next file to be opened would get the stream's number
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")


def _start_attendant(folder: str | None, held: bool) -> int:
    """Forks a process that outlives this one, to clean up after it; returns a pipe to it."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(writer)
            _attend(reader, folder)
        finally:
            os._exit(0)
    os.close(reader)
    if held:
        terminal = os.dup(2)
        os.dup2(writer, 2)
        sys.stderr = os.fdopen(terminal, "w", 1, sys.stderr.encoding, "backslashreplace")
    faulthandler.enable(sys.stderr)
    atexit.register(_finish, pid, writer)
    return writer


def _attend(reader: int, folder: str | None) -> None:
    """Waits until the command is done or dead; in the latter case shows what its libraries said last."""
    for number in _ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    os.closerange(0, 2)
    lines = collections.deque(maxlen=_LINES)
    with open(reader, "rb") as output:
        for line in output:
            lines.append(line)
            if line.endswith(_DONE):
                lines.clear()
                break
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    os.write(2, b"".join(lines))


def _finish(pid: int, attendant: int) -> None:
    """The last that Python does before it takes itself apart."""
    try:
        sys.stdout.flush()
    except OSError:  # a full disk or a closed pipe, of which Python would complain once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.write(attendant, _DONE)
    os.waitpid(pid, 0)
    if _signals:  # to take TensorFlow apart takes seconds
        os._exit(128 + _signals[0])


def _handle_signals(name: str, attendant: int) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(name, reader, attendant), daemon=True).start()
    for number in _ENDINGS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup and & have it
            signal.signal(number, _end)


def _end(number: int, _) -> None:
    _signals.append(number)
    for other in _ENDINGS:
        signal.signal(other, signal.SIG_IGN)
    raise Ended(number)


def _watch(name: str, reader: int, attendant: int) -> None:
    """Ends the process where the main thread is in native code that does not let it hear a signal."""
    while True:
        number = os.read(reader, 1)[0]
        if number not in _ENDINGS:
            continue
        time.sleep(_PATIENCE)
        if signal.getsignal(number) not in (_end, signal.SIG_IGN):
            _tell(f"{name}: finishing this step; once more to stop at once")
            continue
        paths.remove_unfinished()
        if not _last_line.is_set():
            _tell(f"{name}: {_ENDINGS[number]}")
        os.write(attendant, _DONE)
        os._exit(128 + number)


def _tell(line: str) -> None:
    """Writes a line to stderr, whoever else has locked the stream, and not into a progress bar."""
    start = "\n" if sys.stderr.isatty() else ""
    os.write(sys.stderr.fileno(), f"{start}{line}\n".encode(errors="replace"))
