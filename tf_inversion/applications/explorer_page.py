"""The page of `explore_latents`: what `explorer` does, laid out with Gradio and served on this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import gradio as gr
import numpy as np
from starlette.middleware import Middleware

from tf_inversion import errors, pages
from tf_inversion.applications import explorer
from tf_inversion.applications.probe import Probe
from tf_inversion.applications.same_origin import SameOrigin
from tf_inversion.audio.layouts import DIGITS
from tf_inversion.models import ModelBundle

METHODS = ("encoder", "hybrid", "least_squares", "gradient")
MAX_FILE_SIZE = "20mb"
_NUM_AUDIBLE = 6
_MAX_AMOUNT = 6.0  # along a digit's direction; latents are about 5.8 long
_STEP = 0.05  # of a slider
_MAX_ITERATIONS = 1000
_NO_CLIP = "Give it a clip first: a file, a recording, an example or a random one."


@dataclasses.dataclass(frozen=True)
class Session:
    """What a visitor has on the page.

    Attributes:
      clip: the original.
      base: latents float32 [latent_dim] where the sliders start; None before an inversion.
      status: how `base` came about.
      audible: directions [k, latent_dim] of the sliders under "Most audible directions".
      other: latents to blend with.
    """

    clip: explorer.Clip | None = None
    base: np.ndarray | None = None
    status: str = ""
    audible: np.ndarray | None = None
    other: np.ndarray | None = None


@contextlib.contextmanager
def serving(
    models: ModelBundle,
    digits: Probe | None,
    examples: Sequence[str | os.PathLike],
    *,
    peak: float = 0.0,
    host: str = "127.0.0.1",
    port: int | None = 7860,
) -> Iterator[str]:
    """Serves the page, and yields its address.

    Nothing is sent anywhere. What visitors give lies in the folder that the environment variable
    GRADIO_TEMP_DIR names, if it was set before this module was imported.

    Args:
      models: what to invert with.
      digits: a probe, each of whose labels gets a slider; None for no such sliders.
      examples: audio files to choose from.
      peak: level to which clips are scaled if the visitor does not choose otherwise; 0 for none.
      host: address to listen at. The page is for one trusted person: leave it at this machine's own.
      port: to listen at; None for a free one.

    Raises:
      OSError: if the port is taken.
    """
    os.environ["GRADIO_RUN_HISTORY"] = "False"  # which browsers would keep
    page = _Page(models, digits, examples, peak).build()
    plain = ["system-ui", "sans-serif"], ["ui-monospace", "monospace"]  # no fonts of Google's
    _, url, _ = page.launch(
        server_name=host,
        server_port=port,
        share=False,
        inbrowser=False,
        quiet=True,
        prevent_thread_lock=True,
        max_file_size=MAX_FILE_SIZE,
        ssr_mode=False,
        app_kwargs={"middleware": [Middleware(SameOrigin, host=host)]},
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        footer_links=[],
        theme=gr.themes.Default(primary_hue="slate", neutral_hue="slate", font=plain[0], font_mono=plain[1]),
        css=(pages.TEMPLATES / "explorer.css").read_text(encoding="utf-8"),
    )
    try:
        yield url
    finally:
        page.close(verbose=False)


class _Page:
    def __init__(
        self,
        models: ModelBundle,
        digits: Probe | None,
        examples: Sequence[str | os.PathLike],
        peak: float,
    ):
        self._models, self._peak = models, peak
        self._examples = {Path(path).stem: os.fspath(path) for path in examples}
        labels = [] if digits is None else list(digits.labels)
        known = {label: index for index, label in enumerate(DIGITS)}
        self._labels = sorted(labels, key=lambda label: known.get(label, len(known)))
        dim = models.generator.latent_dim
        self._directions = np.array([digits.direction(label) for label in self._labels]).reshape(-1, dim)
        self._num_audible = min(_NUM_AUDIBLE, dim)
        self._stops: dict[str, threading.Event] = {}  # of the search that a visitor waits for

    def build(self) -> gr.Blocks:
        with gr.Blocks(title="Explore latents", analytics_enabled=False, delete_cache=(3600, 3600)) as page:
            session = gr.State(Session())
            gr.Markdown(
                "# Explore latents\nGive it a clip, see which latent vector makes the generator say it "
                "again, and move that vector."
            )
            with gr.Row():
                with gr.Column():
                    with gr.Tab("File"):
                        file = gr.File(label=f"Clip, at most {MAX_FILE_SIZE.upper()}", height=130)
                    with gr.Tab("Record"):
                        options = {"sources": ["microphone"], "type": "filepath", "format": "wav"}
                        microphone = gr.Audio(label="Recording", **options)
                    with gr.Tab("Example"):
                        example = gr.Dropdown(
                            list(self._examples), value=None, label="Synthesized voices", elem_id="example"
                        )
                        random = gr.Button("Random latent vector", elem_id="random")
                with gr.Column():
                    method = gr.Radio(list(METHODS), value="hybrid", label="Method", elem_id="method")
                    iterations = gr.Slider(
                        10, _MAX_ITERATIONS, 60, step=10, label="Iterations at most", elem_id="iterations"
                    )
                    scale = gr.Checkbox(
                        bool(self._peak),
                        label=f"Scale clips to peak {self._peak or 0.9:g}, as in training",
                    )
                    with gr.Row():
                        invert = gr.Button("Invert", variant="primary", elem_id="invert")
                        stop = gr.Button("Stop", elem_id="stop")
            with gr.Row():
                with gr.Column(elem_id="shown"):
                    note = gr.HTML(elem_id="note")
                    stage = gr.HTML(elem_id="stage")
                with gr.Column():
                    digits = []
                    if self._labels:
                        with gr.Accordion("Towards a class"), gr.Row():
                            digits = [self._slider(label, _MAX_AMOUNT) for label in self._labels]
                    with gr.Accordion("Most audible directions around this clip"):
                        gr.Markdown(
                            "The latent directions along which the spectrogram changes most here: the first "
                            "singular vectors of its Jacobian. To the right is louder; in brackets is by how "
                            "much a step changes it."
                        )
                        with gr.Row():
                            audible = [self._slider(str(k + 1), 2.0) for k in range(self._num_audible)]
                    with gr.Accordion("Blend with another clip"):
                        keep = gr.Button("Keep this clip as the other one", elem_id="keep")
                        label = "From this clip to the other"
                        blend = gr.Slider(0, 1, 0, step=0.01, label=label, elem_id="blend", buttons=[])
                    with gr.Row():
                        back = gr.Button("All sliders back", elem_id="back")
                        play = gr.Checkbox(True, label="Play every change", container=False)
            sliders = [blend, *digits, *audible]
            answers = {
                "outputs": [session, note, stage, *sliders],
                "concurrency_id": "search",
                "show_progress": "hidden",
            }
            for event, given in (
                (file.upload, file),
                (microphone.stop_recording, microphone),
                (example.input, example),
            ):
                inputs = [session, given, scale, method, iterations]
                event(self._stop, queue=False).then(self._load, inputs, **answers)
            random.click(self._stop, queue=False).then(self._draw, session, **answers)
            invert.click(self._stop, queue=False).then(self._search, [session, method, iterations], **answers)
            stop.click(self._stop, queue=False)
            page.unload(self._stop)
            moves = {
                "fn": self._edit,
                "inputs": [session, play, *sliders],
                "outputs": stage,
                "show_progress": "hidden",
            }
            gr.on([slider.input for slider in sliders], trigger_mode="always_last", **moves)
            back.click(lambda: [0] * len(sliders), outputs=sliders, show_progress="hidden").then(**moves)
            keep.click(self._keep, [session, *sliders], [session, note], show_progress="hidden")
        return page

    def _slider(self, label: str, furthest: float) -> gr.Slider:
        looks = {"min_width": 200, "buttons": [], "elem_classes": "direction"}
        return gr.Slider(-furthest, furthest, 0, step=_STEP, label=label, **looks)

    def _stop(self, request: gr.Request) -> None:
        if stop := self._stops.get(request.session_hash):
            stop.set()

    def _load(
        self, session: Session, path: str, scale: bool, method: str, iterations: int, request: gr.Request
    ) -> Iterator[list]:
        """Takes a file, the recording or the name of an example, and inverts it."""
        if path is None:
            yield self._answer(note=_NO_CLIP)
            return
        try:
            path = self._examples.get(path, path)
            peak = (self._peak or 0.9) if scale else 0.0
            clip, note = explorer.load_clip(path, self._models.generator, peak)
        except errors.TFInversionError as error:
            yield self._answer(note=str(error))
            return
        session = dataclasses.replace(session, clip=clip, base=None)
        yield self._answer(session, note, explorer.show(self._models, clip, None, "searching", draft=True))
        yield from self._search(session, method, iterations, request)

    def _draw(self, session: Session) -> Iterator[list]:
        clip = explorer.draw_clip(self._models.generator, int(np.random.default_rng().integers(10**6)))
        session = dataclasses.replace(session, clip=clip)
        found = explorer.Found(clip.latents, "a random latent vector")
        yield self._answer(
            note="Drawn. Move it by the sliders, or invert it to see whether its latents are found."
        )
        yield self._found(session, found)

    def _search(self, session: Session, method: str, iterations: int, request: gr.Request) -> Iterator[list]:
        if session.clip is None:
            yield self._answer(note=_NO_CLIP)
            return
        stop = self._stops[request.session_hash] = threading.Event()
        try:
            for found in explorer.search(self._models, session.clip.audio, method, int(iterations), stop):
                if not found.done:
                    yield self._answer(stage=self._show(session, found))
        finally:
            del self._stops[request.session_hash]
        yield self._found(session, found)

    def _found(self, session: Session, found: explorer.Found) -> list:
        """Returns an answer from which the sliders go on."""
        audible, strengths = explorer.audible_directions(
            self._models.generator, found.latents, self._num_audible
        )
        session = dataclasses.replace(session, base=found.latents, status=found.status, audible=audible)
        stage = self._show(session, found)
        labels = [f"{k} ({strength * _STEP:.2g} dB)" for k, strength in enumerate(strengths, 1)]
        moved = [0] * (1 + len(self._labels))
        return [session, gr.skip(), stage, *moved, *(gr.Slider(value=0, label=label) for label in labels)]

    def _show(self, session: Session, found: explorer.Found) -> str:
        draft = not found.done
        return explorer.show(self._models, session.clip, found.latents, found.status, draft=draft)

    def _answer(
        self, session: Session | None = None, note: str | None = None, stage: str | None = None
    ) -> list:
        """Returns what to show, None for what is to stay."""
        shown = [session, note and _note(note), stage]
        sliders = [None] * (1 + len(self._labels) + self._num_audible)
        return [gr.skip() if value is None else value for value in (*shown, *sliders)]

    def _latents(self, session: Session, blend: float, *amounts: float) -> np.ndarray:
        other = session.base if session.other is None else session.other
        directions = np.concatenate([self._directions, session.audible])
        prior = self._models.generator.prior
        return explorer.edit(prior, session.base, other, blend, directions, np.array(amounts, np.float32))

    def _edit(self, session: Session, play: bool, *sliders: float) -> str:
        if session.base is None:
            return gr.skip()
        latents = self._latents(session, *sliders)
        distance = np.linalg.norm(latents - session.base)
        status = f"{session.status}; moved by {distance:.2f}" if distance else session.status
        return explorer.show(self._models, session.clip, latents, status, play)

    def _keep(self, session: Session, *sliders: float) -> tuple[Session, str]:
        if session.base is None:
            return session, _note("Invert a clip first.")
        session = dataclasses.replace(session, other=self._latents(session, *sliders))
        name = session.clip.name
        return session, _note(f"Kept {name}. Give it another clip and blend towards this one.")


def _note(text: str) -> str:
    return f"<p role='status'>{escape(text)}</p>"
