"""HTML pages from templates, which hold all that they show."""

from __future__ import annotations

import base64
import functools
import io
from pathlib import Path

import jinja2
import numpy as np
import soundfile

TEMPLATES = Path(__file__).with_name("templates")


@functools.lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"data_uri": data_uri, "zip": zip}
    return environment


def render(template: str, **values: object) -> str:
    """Fills a file of templates/; every value is text, no markup."""
    return _environment().get_template(template).render(values)


def data_uri(kind: str, content: bytes) -> str:
    """Returns an address that holds the content, of a MIME type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def sound(audio: np.ndarray, sample_rate: int, kind: str = "flac") -> str:
    """Returns 16-bit audio [num_samples] as the address of a "flac" or "wav"."""
    buffer = io.BytesIO()
    soundfile.write(buffer, audio.T, sample_rate, format=kind, subtype="PCM_16")
    return data_uri(f"audio/{kind}", buffer.getvalue())
