"""What an audio file claims to be, held against its size before any decoder sees it.

Headers lie: a stream's recorder announces 4 GB or nothing at all, downloads break off, an MP4 is called .mp3.
Only the few bytes that make such claims are read here, whatever the size of the file.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
import stat
import struct
from typing import IO

from tf_inversion import errors

_HEAD = 1024  # bytes that tell formats apart
_TAIL = 2**16 + 300  # more than an Ogg page
_MAX_CHUNKS = 1000
_ENDLESS = 0x7F000000  # sizes from here on, where so much is not there, are what streams write for "unknown"

_READ = (  # offset, bytes there, container
    (0, b"RIFF", "WAV"),
    (0, b"RIFX", "WAV"),
    (0, b"RF64", "RF64"),
    (0, b"riff\x2e\x91\xcf\x11", "W64"),
    (0, b"FORM", "AIFF"),
    (0, b".snd", "AU"),
    (0, b"dns.", "AU"),
    (0, b"caff", "CAF"),
    (0, b"NIST_1A", "NIST"),
    (0, b"fLaC", "FLAC"),
    (28, b"\x01vorbis", "OGG"),
    (28, b"OpusHead", "OGG"),
)
_FOREIGN = (
    (4, b"ftyp", "MP4 (m4a)"),
    (0, b"\x1a\x45\xdf\xa3", "WebM or Matroska"),
    (28, b"\x7fFLAC", "FLAC inside Ogg"),
    (28, b"Speex", "Speex"),
    (0, b"OggS", "Ogg of another kind than Vorbis and Opus"),
    (0, b"\x30\x26\xb2\x75", "WMA"),
    (0, b"#!AMR", "AMR"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"MThd", "MIDI, notes without sound"),
    (0, b"ADIF", "AAC"),
    (0, b"FLV", "Flash video"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"version https://git-lfs", "a Git LFS pointer (git lfs pull fetches the file)"),
    (0, b"<", "a web page or XML"),
)
_FORMS = {"WAV": (b"WAVE",), "RF64": (b"WAVE",), "AIFF": (b"AIFF", b"AIFC")}  # at byte 8


@dataclasses.dataclass(frozen=True)
class Container:
    """What is known of a file from its outside.

    Attributes:
      kind: "WAV", "RF64", "W64", "AIFF", "AU", "CAF", "NIST", "FLAC", "OGG" or "MP3".
      cut: the file ends before its header says.
      endless: the header does not say how much sound there is, or says that there is none where there is.
      canonical: a WAV file in which every size is true.
      patch: where the header's size of the sound is wrong, its position and the right bytes.
    """

    kind: str
    cut: bool = False
    endless: bool = False
    canonical: bool = False
    patch: tuple[int, bytes] | None = None


@dataclasses.dataclass(frozen=True)
class _Layout:
    """How a container of chunks lays them out.

    Attributes:
      start: of the first chunk.
      header: a chunk's name and size.
      inclusive: bytes of the header that the size counts.
      align: chunks begin at multiples of it.
      sound: name of the chunk with the sound.
    """

    start: int
    header: str
    inclusive: int = 0
    align: int = 2
    sound: bytes = b"data"


_RIFF = _Layout(12, "<4sI")
_LAYOUTS = {
    b"RIFF": _RIFF,
    b"RF64": _RIFF,
    b"RIFX": _Layout(12, ">4sI"),
    b"FORM": _Layout(12, ">4sI", sound=b"SSND"),
    b"caff": _Layout(8, ">4sq", align=1),
    b"riff": _Layout(40, "<16sQ", inclusive=24, align=8),
}


@dataclasses.dataclass(frozen=True)
class _Chunk:
    name: bytes
    at: int  # position of its contents
    size: int  # of its contents, as claimed

    @property
    def end(self) -> int:
        return self.at + self.size

    @property
    def named(self) -> bool:
        """Whether its name looks like one."""
        return self.name[:4].isascii() and self.name[:4].decode().isprintable()


def inspect(path: str | os.PathLike) -> Container:
    """Tells what a file is by its first bytes, and whether it holds what they announce.

    Raises:
      AudioFileError: if it can't be opened, or is nothing that is read here, with the true reason.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise errors.AudioFileError(f"{path}: is no regular file; give the file itself")
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not size:
                raise errors.AudioFileError(f"{path}: is empty, 0 bytes; leave it out or fetch it again")
            start = _after_id3(file)
            file.seek(start)
            head = file.read(_HEAD)
            kind, readable = _identify(head)
            if readable:
                return _held_against_size(kind, file, head, start, size)
    except FileNotFoundError as error:
        raise errors.AudioFileError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise errors.AudioFileError(f"{path}: can't be opened ({reason})") from error
    raise errors.AudioFileError(
        f"{path}: not readable as audio: it is {kind}; convert it to WAV, FLAC or MP3, or fetch it again"
    )


def _after_id3(file: IO[bytes]) -> int:
    """Returns where the sound begins behind the tags that MP3 files, and others by mistake, start with."""
    start = 0
    while (tag := file.read(10))[:3] == b"ID3" and len(tag) == 10 and start < 2**28:
        start += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0)))
        file.seek(start)
    return start


def _identify(head: bytes) -> tuple[str, bool]:
    """Returns what begins so, and whether it is read."""
    for readable, formats in ((True, _READ), (False, _FOREIGN)):
        for at, mark, kind in formats:
            if head.startswith(mark, at):
                if head[8:12] not in _FORMS.get(kind, (head[8:12],)):
                    return "RIFF or IFF without sound, such as AVI video", False
                return kind, readable
    if head[:1] == b"\xff" and len(head) > 3 and head[1] & 0xE0 == 0xE0:
        return ("MP3", True) if head[1] & 0x06 else ("AAC", False)  # the layer, which AAC does not have
    return "no format that is known", False


def _held_against_size(kind: str, file: IO[bytes], head: bytes, start: int, size: int) -> Container:
    if kind == "MP3":
        return Container(kind, cut=_mp3_is_cut(head, size - start))
    if kind == "OGG":
        return Container(kind, cut=_ogg_is_cut(file, size))
    if kind == "NIST":
        return Container(kind, cut=_nist_is_cut(head, size))
    if kind == "FLAC" or start:
        return Container(kind)
    if kind == "AU":
        order = ">" if head.startswith(b".snd") else "<"
        offset, claimed = struct.unpack_from(f"{order}II", head.ljust(12, b"\0"), 4)
        cut, endless = _compared(claimed, size - offset)
        return Container(kind, cut, endless, patch=(8, b"\xff" * 4) if cut or endless else None)
    return _chunked(kind, file, _LAYOUTS[head[:4]], size)


def _compared(claimed: int, held: int, more: bool = False) -> tuple[bool, bool]:
    """Whether sound is cut off, and whether the header does not say how much there is.

    Args:
      claimed, held: bytes of sound that are announced, and bytes from there to the end of the file.
      more: what follows where the sound would end are other chunks.
    """
    endless = held > 0 and ((claimed <= 0 and not more) or (claimed > held and claimed >= _ENDLESS))
    return claimed > held and not endless, endless


def _chunked(kind: str, file: IO[bytes], layout: _Layout, size: int) -> Container:
    chunks = _chunks(file, layout, size)
    index = next((i for i, chunk in enumerate(chunks) if chunk.name.startswith(layout.sound)), None)
    if index is None:
        return Container(kind)
    sound, (order, code) = chunks[index], (layout.header[0], layout.header[-1])
    claimed, held, width = sound.size, size - sound.at, struct.calcsize(order + code)
    field = sound.at - width
    if kind == "RF64" and chunks[0].name == b"ds64":
        field, code, width = chunks[0].at + 8, "Q", 8
        file.seek(field)
        claimed = int.from_bytes(file.read(width), "little")
    more = index + 1 < len(chunks) and chunks[-1].end == size and all(chunk.named for chunk in chunks)
    cut, endless = _compared(claimed, held, more)
    if cut or endless:
        true = min(held + layout.inclusive, 2 ** (8 * width) - 1)
        return Container(kind, cut, endless, patch=(field, struct.pack(order + code, true)))
    return Container(kind, canonical=kind == "WAV" and order == "<" and _canonical(file, chunks, size))


def _chunks(file: IO[bytes], layout: _Layout, size: int) -> list[_Chunk]:
    """Goes from chunk to chunk by their claimed sizes."""
    header, position = struct.Struct(layout.header), layout.start
    chunks: list[_Chunk] = []
    while len(chunks) < _MAX_CHUNKS and position < size:
        file.seek(position)
        if len(start := file.read(header.size)) < header.size:
            break
        name, claimed = header.unpack(start)
        chunks.append(_Chunk(name, position + header.size, claimed - layout.inclusive))
        if chunks[-1].size < 0:
            break
        position = chunks[-1].end + -chunks[-1].end % layout.align
    return chunks


def _canonical(file: IO[bytes], chunks: list[_Chunk], size: int) -> bool:
    """Whether each size in a WAV file is true, so that its samples are found by believing them."""
    names = [chunk.name for chunk in chunks]
    if names.count(b"fmt ") != 1 or names.count(b"data") != 1 or names.index(b"fmt ") > names.index(b"data"):
        return False
    layout = chunks[names.index(b"fmt ")]
    file.seek(4)
    riff_size = int.from_bytes(file.read(4), "little")
    file.seek(layout.at)
    channels, block, bits = struct.unpack("<2xH8xHH", file.read(16))
    return (
        riff_size + 8 == size == chunks[-1].end
        and not any(chunk.size % 2 for chunk in chunks[:-1])  # else there is padding, which not all skip
        and layout.size in (16, 18, 40)
        and block == channels * bits // 8 > 0
        and chunks[names.index(b"data")].size % block == 0
    )


def _mp3_is_cut(head: bytes, held: int) -> bool:
    """Whether less follows than the Xing or VBRI header in the first frame announces, if there is one."""
    for mark, at in ((b"Xing", 12), (b"Info", 12), (b"VBRI", 10)):
        found = head.find(mark, 0, 64)
        if 0 <= found <= len(head) - 16:
            (flags,), (claimed,) = (struct.unpack_from(">I", head, found + offset) for offset in (4, at))
            announced = mark == b"VBRI" or flags & 3 == 3  # both the number of frames and that of bytes
            return announced and held < claimed < _ENDLESS
    return False


def _nist_is_cut(head: bytes, size: int) -> bool:
    """Whether a file of NIST Sphere, as in TIMIT, holds less than its header of 1,024 bytes multiplies to."""
    factors = re.findall(rb"\n(?:sample_count|sample_n_bytes|channel_count) -i (\d{1,12})\s", head)
    return len(factors) == 3 and size - _HEAD < math.prod(map(int, factors)) and b"pcm" in head


def _ogg_is_cut(file: IO[bytes], size: int) -> bool:
    """Whether the last page is not whole, or not the last of its stream."""
    file.seek(max(0, size - _TAIL))
    tail = file.read()
    last = tail.rfind(b"OggS")
    page = tail[last:]
    if last < 0 or len(page) < 27 or len(page) < 27 + page[26]:
        return True
    return len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]]) or not page[5] & 4
