"""The models that work together: a generator, and what was trained for its clips.

    models = ModelBundle.load()                                   # the pretrained ones
    models = ModelBundle.load(ModelSettings(generator="gan/", inverter="inverter.keras"))

Needs no TensorFlow before a model is loaded, so that flags can be made of `ModelSettings`.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tf_inversion import errors, paths
from tf_inversion.settings import Settings, setting

if TYPE_CHECKING:
    import keras

    from tf_inversion.generators.base import Generator
    from tf_inversion.networks.classifier import Classifier
    from tf_inversion.networks.inverter import Inverter

_log = logging.getLogger(__name__)
_OF_AUDIO = ("num_channels", "num_samples", "sample_rate")
#: In what a model must equal the generator.
_MUST_FIT = {"inverter": ("latent_dim", *_OF_AUDIO), "classifier": _OF_AUDIO, "judge": _OF_AUDIO}


@dataclasses.dataclass(frozen=True)
class ModelSettings(Settings):
    """Which models, see `load_generator`, `load_inverter` and `load_classifier`."""

    generator: str | None = setting(
        None,
        "The GAN: a WaveGAN checkpoint (folder or prefix), a .keras file or a SavedModel from z to audio, "
        "or 'module:Class'. Default: the pretrained one.",
        shapes_result=False,
    )
    original_graph: bool = setting(
        False, "Run the checkpoint's own graph (infer.meta) instead of the Keras port."
    )
    latent_tensor: str | None = setting(
        None,
        "Where latents enter: a tensor of the original graph (default there: z:0), or an input of a model "
        "that has several.",
    )
    audio_tensor: str | None = setting(
        None,
        "Where audio leaves: a tensor of the original graph (default there: G_z:0), or an output of a model "
        "that has several.",
    )
    condition_tensor: str | None = setting(
        None,
        "Where a conditional GAN takes a class or a code beside the latents, if that is not its only other "
        "input.",
    )
    condition_kind: str = setting(
        "one_hot",
        "What a conditional GAN takes: a class, as a one-hot vector or number (one_hot), or a binary code, "
        "as fiwGAN's (binary).",
        choices=("one_hot", "binary"),
    )
    condition_labels: tuple[str, ...] = setting(
        (), "The names of a conditional GAN's classes, in its order: zero,one,two."
    )
    label: str | None = setting(
        None,
        "The class or code of a conditional GAN's clips, by name or number. Default: recovered with the "
        "latents, where clips are inverted.",
    )
    latent_prior: str | None = setting(
        None,
        "What the GAN draws its latents from. Default: as its file says, else uniform in [-1, 1].",
        choices=("uniform", "normal"),
    )
    inverter: str | None = setting(
        None, "A trained inverter. Default: the pretrained one.", shapes_result=False
    )
    classifier: str | None = setting(
        None, "The classifier of the perceptual loss. Default: the pretrained one.", shapes_result=False
    )
    judge: str | None = setting(
        None,
        "The evaluation classifier, which no loss has seen, for accuracy and inception score; the official "
        "WaveGAN score model loads too. Default: the pretrained one.",
        shapes_result=False,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class ModelBundle:
    """A generator with the models that fit it; None for those that are not there.

    Attributes:
      generator: z -> audio.
      inverter: audio -> z.
      classifier: audio -> logits, with the activations that perceptual losses compare.
      judge: the evaluation classifier, audio -> logits, which no loss has seen.
      sources: where each model that was asked for comes from: its path, "pretrained" or "none".

    Raises:
      InvalidArgumentError: if a model is for other clips or latents than the generator's.
    """

    generator: Generator
    inverter: Inverter | None = None
    classifier: Classifier | None = None
    judge: keras.Model | None = None
    sources: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for name in _MUST_FIT:
            if misfit := _misfit(name, getattr(self, name), self.generator):
                raise errors.InvalidArgumentError(f"{name}: {misfit}")

    @classmethod
    def load(
        cls,
        settings: ModelSettings | None = None,
        *,
        needs: Sequence[str] = ("inverter",),
        wants: Sequence[str] = ("classifier", "judge"),
        conditional: bool = False,
    ) -> ModelBundle:
        """Loads the generator and the models that are asked for, by default the pretrained ones.

        Args:
          settings: which they are.
          needs: of "inverter", "classifier" and "judge" those that must be there.
          wants: those that are None where the settings name none and the pretrained one does not fit;
            nor is the pretrained inverter of any use to another generator.
          conditional: whether the generator may take a condition that is not fixed.

        Raises:
          ModelFileError: if a file is missing, damaged or of another kind.
          InvalidArgumentError: if a model does not fit the generator.
        """
        from tf_inversion.generators.conditional import ConditionSpec
        from tf_inversion.generators.loading import load_generator

        settings = settings or ModelSettings()
        generator = load_generator(
            settings.generator,
            original_graph=settings.original_graph,
            latent_tensor=settings.latent_tensor,
            audio_tensor=settings.audio_tensor,
            condition=ConditionSpec(
                settings.condition_tensor, settings.condition_kind, settings.condition_labels
            ),
            label=settings.label,
            latent_prior=settings.latent_prior,
        )
        if generator.condition and not conditional:
            raise errors.InvalidArgumentError(
                "generator: takes a class or code beside latents; give one as label: "
                f"{', '.join(generator.condition.names[:20])}"
            )
        if generator.feature_shape:
            raise errors.InvalidArgumentError(
                f"generator: makes features of shape {generator.feature_shape}, not audio; invert them by "
                "`invert` in Python, or name the tensor of audio by audio_tensor"
            )
        models, sources = {}, {"generator": settings.generator or "pretrained"}
        for name in (*needs, *wants):
            models[name] = _load_fitting(name, settings, generator, needed=name in needs)
            found = models[name] is not None
            sources[name] = (getattr(settings, name) or "pretrained") if found else "none"
        if settings.generator and sources.get("inverter") == "pretrained":
            _log.warning(
                "the pretrained inverter was trained for the pretrained generator, not for %s; "
                "train one by train_inverter and give it as inverter",
                settings.generator,
            )
        return cls(generator, **models, sources=sources)

    @classmethod
    def of(cls, models: ModelBundle | Generator | None) -> ModelBundle:
        """Returns a bundle as it is, one of a generator alone, or the pretrained generator and inverter."""
        if models is None:
            return _pretrained()
        return models if isinstance(models, ModelBundle) else cls(models)

    def require(self, *names: str) -> list[Any]:
        """Returns the models of these names.

        Raises:
          InvalidArgumentError: if one is None.
        """
        for name in names:
            if getattr(self, name) is None:
                raise errors.InvalidArgumentError(f"models: {name} is missing; load it with the generator")
        return [getattr(self, name) for name in names]

    def for_classes(self, label_names: Iterable[str]) -> ModelBundle:
        """Returns the bundle for clips of these classes: without a classifier that does not know them all."""
        unknown = sorted(set(label_names).difference(self.classifier.label_names)) if self.classifier else []
        if not unknown:
            return self
        _log.warning("the classifier does not know %s: its part of the loss is left out", ", ".join(unknown))
        return dataclasses.replace(self, classifier=None, sources={**self.sources, "classifier": "none"})

    def with_inverter(self) -> ModelBundle:
        """Returns the bundle with an inverter: its own, or the pretrained one.

        Raises:
          InvalidArgumentError: if it has none and the pretrained one does not fit.
        """
        if self.inverter is not None:
            return self
        inverter = _pretrained().inverter
        if misfit := _misfit("inverter", inverter, self.generator, "the pretrained one is "):
            raise errors.InvalidArgumentError(f"inverter: {misfit}")
        return dataclasses.replace(self, inverter=inverter)


@functools.lru_cache(maxsize=1)  # so that another call finds compiled what an earlier one compiled
def _pretrained() -> ModelBundle:
    return ModelBundle.load(wants=())


def _load_fitting(name: str, settings: ModelSettings, generator: Generator, needed: bool):
    """Returns a model; None if it is not `needed`, pretrained and not for this generator."""
    from tf_inversion.networks.loading import load_classifier, load_inverter

    path = getattr(settings, name)
    if name == "inverter":
        if settings.generator and not path and not needed:
            return None
        model = load_inverter(path)
    else:
        model = load_classifier(path or paths.bundled(f"{name}.keras"))
    if path is None and (misfit := _misfit(name, model, generator, "the pretrained one is ")):
        if needed:
            raise errors.InvalidArgumentError(f"{name}: {misfit}")
        return None
    return model


def _misfit(name: str, model: object, generator: Generator, which: str = "") -> str | None:
    """Returns why a model is not one for the generator, None if it is (or there is none)."""
    if model is None:
        return None
    for quality in _MUST_FIT[name]:
        wanted = getattr(generator, quality)
        # A model that does not say is taken to fit, but to be for mono.
        mine = getattr(model, quality, 1 if quality == "num_channels" else wanted)
        if mine != wanted:
            hint = ", or invert without: least_squares, or init=best_of_n" if name == "inverter" else ""
            return (
                f"{which}made for {quality} {mine}, but the generator has {wanted}; "
                f"give one trained for it{hint}"
            )
    if name == "classifier" and not hasattr(model, "features"):
        return "the official score model is for evaluation only; give one that train_classifier wrote"
    return None
