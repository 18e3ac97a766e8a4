"""Packaging. The commands, flag files and pretrained models ship inside the package."""

import re
from pathlib import Path

import setuptools

HERE = Path(__file__).parent
CLUSTER = ["bokeh>=3.1", "dask-jobqueue>=0.9"]
GRADIO = "gradio>=6"
COMMANDS = [
    "prepare_dataset",
    "train_wavegan",
    "train_classifier",
    "train_inverter",
    "plot_training",
    "generate_audio",
    "evaluate_generator",
    "invert_audio",
    "invert_dataset",
    "evaluate_inversion",
    "train_latent_probe",
    "edit_latents",
    "detect_synthetic",
    "export_inverter",
    "convert_tflite",
    "explore_latents",
]

setuptools.setup(
    name="tf-inversion",
    version=re.search(r'__version__ = "(.+)"', (HERE / "tf_inversion/__init__.py").read_text())[1],
    description="Recover the latent vector of an audio clip under a frozen audio GAN",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    classifiers=[
        "Intended Audience :: Science/Research",
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        *(f"Programming Language :: Python :: {version}" for version in ("3.11", "3.12", "3.13")),
        "Topic :: Multimedia :: Sound/Audio :: Analysis",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    python_requires=">=3.11,<3.14",
    packages=[
        *setuptools.find_packages(include=["tf_inversion", "tf_inversion.*"]),
        "tf_inversion.scripts",
        "tf_inversion.flags",
        "tf_inversion.saved_models",
    ],
    package_dir={
        "tf_inversion.scripts": "scripts",
        "tf_inversion.flags": "flags",
        "tf_inversion.saved_models": "saved_models",
    },
    package_data={
        "tf_inversion": ["py.typed", "templates/*"],
        "tf_inversion.flags": ["*.flags"],
        "tf_inversion.saved_models": ["**/*"],
    },
    install_requires=[
        "absl-py",
        "ai-edge-litert>=2.0",  # runs the TensorFlow Lite files that convert_tflite measures
        "distributed>=2024.9",
        "jinja2",
        "keras>=3.5",
        "librosa",
        "matplotlib",
        "numpy>=1.26",
        "pillow",
        "pyarrow>=15",
        "scikit-learn",
        "scipy>=1.11",
        "soundfile",
        "soxr",
        "tensorboard",
        "tensorflow>=2.17.1",
        "tensorflow-probability>=0.24",
        "tensorflow-serving-api>=2.17.1",  # the requests that an exported model is warmed up with
        "tf-keras>=2.17",  # TensorFlow Probability imports it
        "threadpoolctl",
        "tqdm",
    ],
    extras_require={
        "cluster": CLUSTER,  # SLURM, and Dask's dashboard
        "demo": [GRADIO],
        "docs": ["mkdocs-jupyter", "mkdocs-material", "mkdocstrings[python]"],
        "gpu": ["tensorflow[and-cuda]"],
        # Decodes inside tf.data, on Python 3.11 and 3.12. Without it soundfile does.
        "io": [
            "pyarrow<26",  # the next needs NumPy 2, which TensorFlow 2.17 does not take
            "tensorflow==2.17.1",
            "tensorflow-io==0.37.1",
            "tensorflow-probability==0.24.*",
            "tf-keras==2.17.*",
        ],
        "test": [
            "build",
            *CLUSTER,
            "hypothesis",
            "ipykernel",
            "mypy",
            "nbclient",
            "pytest",
            "pytest-xdist",
            "ruff",
            "selenium",
            GRADIO,
        ],
    },
    entry_points={
        "console_scripts": [f"{command} = tf_inversion.scripts.start:{command}" for command in COMMANDS]
    },
)
