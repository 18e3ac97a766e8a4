"""The exported model where this package is not, against the models that it was made of."""

import concurrent.futures
import hashlib
import json
import re
import resource
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import gpu_readiness
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from tf_inversion import errors, invert, losses
from tf_inversion.audio.clips import load_clips
from tf_inversion.evaluation.evaluation import clip_metrics
from tf_inversion.export import saved_model
from tf_inversion.models import ModelBundle
from tf_inversion.paths import bundled

BATCHES = (1, 5, 12)
SPEECH = sorted(bundled("speech").glob("*.wav"))
SIGNATURES = {
    "serving_default": ({"audio"}, {"latents"}),
    "invert": ({"audio"}, {"latents"}),
    "reconstruct": ({"audio"}, {"latents", "audio", "log_mel_l1", "rms_ratio"}),
    "invert_wav": ({"audio_bytes"}, {"latents", "audio", "log_mel_l1", "rms_ratio"}),
    "generate": ({"latents"}, {"audio"}),
    "classify": ({"audio"}, {"logits", "probabilities"}),
    "refine": ({"audio", "iterations"}, {"latents", "audio"}),
}

# What a user's process is: TensorFlow, and neither this package nor others that it needs.
ELSEWHERE = """
import sys

class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tf_inversion", "tensorflow_io", "soundfile", "soxr", "librosa"):
            raise ImportError(name)

sys.meta_path.insert(0, Nowhere())
import numpy as np
import tensorflow as tf

_, model, given, answers = sys.argv
try:
    import tf_inversion
except ImportError:
    signatures = tf.saved_model.load(model).signatures
    results = {}
    for key, value in np.load(given).items():
        signature, size, name = key.split("/")
        results.setdefault((signature, size), {})[name] = tf.constant(
            [item.tobytes() for item in value] if value.dtype.kind == "V" else value
        )
    for (signature, size), inputs in results.items():
        results[signature, size] = signatures[signature](**inputs)
    np.savez(answers, **{"/".join((*k, n)): v.numpy() for k, d in results.items() for n, v in d.items()})
"""


@pytest.fixture(scope="module")
def models():
    return ModelBundle.load(needs=("inverter", "classifier"), wants=())


@pytest.fixture(scope="module")
def exported(models, tmp_path_factory):
    return saved_model.export(tmp_path_factory.mktemp("serving") / "inverter", models)


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported))


@pytest.mark.skipif(not gpu_readiness.available(), reason="this TensorFlow has no GPU kernels")
@pytest.mark.parametrize("name", SIGNATURES)
def test_a_signature_can_run_on_a_gpu(loaded, name):
    assert gpu_readiness.bound_to_cpu([loaded.signatures[name].graph]) == set()


@pytest.fixture(scope="module")
def clips(models):
    """The ten bundled recordings, and two synthesized clips."""
    return np.concatenate(
        [load_clips(SPEECH).audio, models.generator(models.generator.draw_latents(2, seed=3)).numpy()]
    )


@pytest.fixture(scope="module")
def answers(models, exported, clips, tmp_path_factory):
    """Every signature's outputs for batches of each size, computed in a process without this package."""
    folder = tmp_path_factory.mktemp("elsewhere")
    given = {}
    latents = models.generator.draw_latents(max(BATCHES), seed=4)
    files = [SPEECH[i % len(SPEECH)].read_bytes() for i in range(max(BATCHES))]
    for size in BATCHES:
        for signature, (names, _) in SIGNATURES.items():
            if "audio" in names:
                given[f"{signature}/{size}/audio"] = clips[:size]
        given[f"refine/{size}/iterations"] = np.ones(size, np.int32)
        given[f"generate/{size}/latents"] = latents[:size]
        # WAV files of different lengths as one array: what is behind the samples is ignored.
        longest = max(map(len, files))
        padded = b"".join(file.ljust(longest, b"\0") for file in files[:size])
        given[f"invert_wav/{size}/audio_bytes"] = np.frombuffer(padded, f"V{longest}")
    np.savez(folder / "given.npz", **given)
    arguments = [str(path) for path in (exported, folder / "given.npz", folder / "answers.npz")]
    subprocess.run([sys.executable, "-c", ELSEWHERE, *arguments], check=True, timeout=400)
    return np.load(folder / "answers.npz")


def reconstructed(audio, models):
    inverter, generator = models.inverter, models.generator
    latents = inverter.encode(tf.constant(audio)).numpy()
    made = generator(latents).numpy()
    metrics = clip_metrics(audio, made, generator.sample_rate)
    return {"latents": latents, "audio": made, **{k: metrics[k] for k in ("log_mel_l1", "rms_ratio")}}


@pytest.fixture(scope="module")
def expected(models, clips):
    """Every signature's outputs for the largest batch, by Python; those of `refine` for each size."""
    inverter, generator, classifier = models.inverter, models.generator, models.classifier
    size = max(BATCHES)
    latents = {"latents": inverter.encode(tf.constant(clips)).numpy()}
    logits = classifier(clips).numpy()
    options = {"objective": "real", "starts": 1}
    # A step of L-BFGS blows the rounding errors of another batch size up, on some clips a thousandfold; as
    # it would those of the hybrid's folded classifier.
    options |= {"refine": "lbfgs", "max_iterations": 1}
    refined = {n: invert(clips[:n], models, **options) for n in BATCHES}
    moved = refined[size].latents - latents["latents"]
    assert np.abs(moved).mean() > 1e-3  # far more than what is called equal
    return {
        "serving_default": latents,
        "invert": latents,
        "reconstruct": reconstructed(clips, models),
        "invert_wav": reconstructed(load_clips([SPEECH[i % len(SPEECH)] for i in range(size)]).audio, models),
        "generate": {"audio": generator(generator.draw_latents(size, seed=4)).numpy()},
        "classify": {"logits": logits, "probabilities": tf.nn.softmax(logits).numpy()},
        **{("refine", n): {"latents": x.latents, "audio": x.audio} for n, x in refined.items()},
    }


@pytest.mark.parametrize("size", BATCHES)
@pytest.mark.parametrize("signature", SIGNATURES)
def test_equals_python_where_this_package_is_not(answers, expected, signature, size):
    outputs = expected.get((signature, size)) or expected[signature]
    assert outputs.keys() == SIGNATURES[signature][1]
    for name, value in outputs.items():
        answer = answers[f"{signature}/{size}/{name}"]
        assert answer.dtype == np.float32
        # Even one step of L-BFGS blows rounding errors up, which differ from process to process.
        atol = 1e-4 if signature == "refine" else 1e-5
        np.testing.assert_allclose(answer, value[:size], rtol=1e-5, atol=atol, err_msg=name)


def test_refine_comes_as_far_as_the_hybrid(loaded, models, clips):
    """L-BFGS blows rounding errors up: after a few steps objectives can be compared, but not latents."""
    generator, classifier = models.generator, models.classifier
    audio = clips[[0, 1, 2, 11]]
    options = {"objective": "real", "starts": 1}
    start = invert(audio, models, init="encoder", refine="none", **options).objective
    hybrid = invert(audio, models, "hybrid", max_iterations=15, **options).objective
    iterations = tf.constant([15, 15, 15, 1])
    latents = loaded.signatures["refine"](audio=tf.constant(audio), iterations=iterations)["latents"]
    objective = losses.Objective("real", generator, classifier)
    ours = objective.value(latents, objective.targets(tf.constant(audio), latents)).numpy()
    assert (hybrid < 0.995 * start).all()
    gained = ((start - ours) / (start - hybrid))[:3]
    assert (gained > 0.1).all(), gained
    assert np.median(gained) > 0.5, gained  # of one clip rounding may lead the other way
    assert hybrid[3] < ours[3] < start[3]


def test_nothing_is_trainable(loaded):
    assert len(loaded.frozen) > 100
    assert not any(variable.trainable for variable in loaded.frozen)


def test_metadata(exported, models, loaded):
    inverter, generator, classifier = models.inverter, models.generator, models.classifier
    told = json.loads((exported / "metadata.json").read_text())
    assert {
        name: (set(signature["inputs"]), set(signature["outputs"]))
        for name, signature in told["signatures"].items()
    } == SIGNATURES
    for name, signature in told["signatures"].items():
        function = loaded.signatures[name]
        for field, spec in function.structured_input_signature[1].items():
            described = {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
            assert signature["inputs"][field] == described
            assert described["shape"][0] is None
        for field, spec in function.structured_outputs.items():
            assert signature["outputs"][field] == {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
            assert spec.shape[0] is None
    assert told["signatures"]["invert"]["inputs"]["audio"]["shape"] == [None, generator.num_samples]
    assert (told["latent_dim"], told["latent_prior"]) == (generator.latent_dim, "uniform")
    assert told["sample_rate"] == generator.sample_rate
    assert told["labels"] == list(classifier.label_names)
    assert told["spectrogram"]["kind"] == inverter.get_config()["spectrogram"]
    files = {str(p.relative_to(exported)) for p in exported.rglob("*") if p.is_file()}
    assert set(told["files"]) == files - {"metadata.json"}
    for name, checksum in told["files"].items():
        assert hashlib.sha256((exported / name).read_bytes()).hexdigest() == checksum


def served(loaded, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
    """Answers a request as the server does: inputs and outputs by the names of the signature."""
    function = loaded.signatures[request.model_spec.signature_name]
    inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
    response = predict_pb2.PredictResponse(model_spec=request.model_spec)
    for name, value in function(**inputs).items():
        response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
    return response


def test_warm_up_requests_run(exported, loaded):
    records = tf.data.TFRecordDataset(str(exported / "assets.extra/tf_serving_warmup_requests"))
    requests = [
        prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        for record in records.as_numpy_iterator()
    ]
    assert [request.model_spec.signature_name for request in requests] == list(SIGNATURES)
    for request in requests:
        inputs, outputs = SIGNATURES[request.model_spec.signature_name]
        assert request.model_spec.name == "inverter"
        assert set(request.inputs) == inputs
        response = predict_pb2.PredictResponse.FromString(served(loaded, request).SerializeToString())
        assert set(response.outputs) == outputs
        for value in response.outputs.values():
            assert np.isfinite(tf.make_ndarray(value)).all()


def test_a_clients_request(loaded, models, clips):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "inverter", "reconstruct"
    request.inputs["audio"].CopyFrom(tf.make_tensor_proto(clips[:2]))
    response = served(loaded, predict_pb2.PredictRequest.FromString(request.SerializeToString()))
    for name, expected in reconstructed(clips[:2], models).items():
        np.testing.assert_allclose(tf.make_ndarray(response.outputs[name]), expected, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def documented():
    """The Python programs of docs/serving.md, as printed: of a client by gRPC, and without a server."""
    document = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
    by_grpc, without_server = re.findall("```python\n(.+?)```", document, re.DOTALL)
    return {"grpc": by_grpc, "no_server": without_server}


@pytest.fixture
def folder_of_clip(exported, tmp_path, monkeypatch):
    """The working directory that the documented programs expect."""
    shutil.copy(SPEECH[3], tmp_path / "clip.wav")
    (tmp_path / "serving").symlink_to(exported.parent.parent)
    monkeypatch.chdir(tmp_path)


def test_the_documented_program_without_a_server(documented, folder_of_clip, models):
    names = {}
    exec(documented["no_server"], names)
    expected = models.inverter.encode(load_clips([SPEECH[3]]).audio)
    np.testing.assert_allclose(names["latents"], expected, atol=1e-4)


def test_the_documented_client(documented, folder_of_clip, loaded, models):
    import grpc
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            assert request.model_spec.name == "inverter"
            return served(loaded, request)

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1), options=[("grpc.so_reuseport", 0)])
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    try:
        server.add_insecure_port("localhost:8500")
    except RuntimeError:
        pytest.skip("something else listens at port 8500, which the document names")
    server.start()
    names = {}
    try:
        exec(documented["grpc"], names)
    finally:
        names["channel"].close()
        server.stop(None)
    expected = models.inverter.encode(load_clips([SPEECH[3]]).audio)
    np.testing.assert_allclose(names["latents"], expected, atol=1e-4)


WAV = SPEECH[0].read_bytes()
NAN = np.zeros((3, 16384), np.float32)
NAN[1, 5] = np.nan
ZEROS = np.zeros((2, 16384), np.float32)


@pytest.mark.parametrize(
    ("signature", "inputs", "words"),
    [
        (
            "invert",
            {"audio": ZEROS[:, :100]},
            r"audio\w* \[2,100\] is not compatible with expected shape \[.,16384\]",
        ),
        ("reconstruct", {"audio": ZEROS[0]}, r"audio\w* \[16384\] is not compatible with expected shape"),
        ("classify", {"audio": ZEROS[:0]}, "audio: the batch is empty"),
        ("invert", {"audio": NAN}, "audio: item 1 holds NaN or infinity"),
        ("generate", {"latents": np.full((1, 100), np.inf, np.float32)}, "latents: item 0 holds NaN"),
        ("generate", {"latents": ZEROS[:, :99]}, r"latents\w* \[2,99\] is not compatible"),
        ("invert_wav", {"audio_bytes": np.array([WAV, b"RIFF"])}, "audio_bytes: item 1 is not a WAV file"),
        ("invert_wav", {"audio_bytes": np.zeros(0, "S1")}, "audio_bytes: the batch is empty"),
        ("refine", {"audio": ZEROS, "iterations": np.array([5], np.int32)}, "iterations: give a number"),
        ("refine", {"audio": ZEROS, "iterations": np.array([5, 0], np.int32)}, "iterations: give a number"),
    ],
)
def test_bad_inputs_are_named(loaded, signature, inputs, words):
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        loaded.signatures[signature](**{name: tf.constant(value) for name, value in inputs.items()})


def test_a_version_that_is_there_stays_as_it_is(exported, models):
    before = {path: path.stat().st_mtime_ns for path in exported.parent.rglob("*")}
    with pytest.raises(errors.InvalidArgumentError, match="version 1 is there already"):
        saved_model.export(exported.parent, models, version=1)
    assert {path: path.stat().st_mtime_ns for path in exported.parent.rglob("*")} == before


def test_a_full_disk_leaves_nothing(models, monkeypatch, tmp_path):
    build = saved_model.signatures.build
    quick = lambda models: {"invert": build(models)["invert"]}  # noqa: E731
    monkeypatch.setattr(saved_model.signatures, "build", quick)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"File too large.*inverter/1"):
            saved_model.export(tmp_path / "inverter", models)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def server(exported):
    """A running TensorFlow Serving: its ports for gRPC and REST."""
    program = shutil.which("tensorflow_model_server")
    if program is None:
        pytest.skip("no tensorflow_model_server on this machine: neither PyPI nor Debian has it")
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("localhost", 0))
            ports.append(free.getsockname()[1])
    process = subprocess.Popen(
        [
            program,
            f"--port={ports[0]}",
            f"--rest_api_port={ports[1]}",
            "--model_name=inverter",
            f"--model_base_path={exported.parent}",
            "--enable_batching",
            f"--batching_parameters_file={exported.parent / 'batching.config'}",
        ]
    )
    yield ports
    process.terminate()
    process.wait(60)


def test_a_server_answers_by_grpc_and_rest(server, models, clips):
    import base64

    import grpc
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    expected = models.inverter.encode(tf.constant(clips[:1]))
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "inverter", "invert"
    request.inputs["audio"].CopyFrom(tf.make_tensor_proto(clips[:1]))
    with grpc.insecure_channel(f"localhost:{server[0]}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        response = stub.Predict(request, timeout=300, wait_for_ready=True)
    np.testing.assert_allclose(tf.make_ndarray(response.outputs["latents"]), expected, atol=1e-5)
    instance = {"audio_bytes": {"b64": base64.b64encode(WAV).decode()}}
    body = json.dumps({"signature_name": "invert_wav", "instances": [instance]}).encode()
    url = f"http://localhost:{server[1]}/v1/models/inverter:predict"
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=300) as answer:
        (prediction,) = json.load(answer)["predictions"]
    np.testing.assert_allclose(prediction["latents"], expected[0], atol=1e-5)
