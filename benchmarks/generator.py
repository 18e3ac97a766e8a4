"""The Keras port of WaveGAN's generator against its original graph, forward and gradient.

  python benchmarks/generator.py
  python benchmarks/generator.py --dims=16 --batch_sizes=64 --seconds=20

The gradient is that by the latent vectors. The original graph has transposed
convolutions, the port their polyphase form (a stride-1 convolution with four
times the filters): the ratio is what that form gains. Both are timed in turns
and the fastest run of each counts, so that other work on the machine falls out.
"""

import sys
import tempfile
import time
from pathlib import Path

from absl import app, flags

FLAGS = flags.FLAGS
flags.DEFINE_multi_integer("dims", [16, 64], "Widths of the generator.")
flags.DEFINE_multi_integer("batch_sizes", [1, 64], "Latent vectors at once.")
flags.DEFINE_float("seconds", 10.0, "How long to measure each pair.")

sys.path.append(str(Path(__file__).parent.parent / "tests"))  # where official checkpoints are written


def fastest(functions, argument):
    """Returns the seconds of the fastest run of each function, all run in turns."""
    best = [float("inf")] * len(functions)
    for function in functions:
        function(argument)  # traces
    end = time.perf_counter() + FLAGS.seconds
    while time.perf_counter() < end:
        for i, function in enumerate(functions):
            start = time.perf_counter()
            function(argument).numpy()
            best[i] = min(best[i], time.perf_counter() - start)
    return best


def main(_):
    import official_wavegan
    import tensorflow as tf

    from tf_inversion.generators.loading import load_generator
    from tf_inversion.generators.wavegan import WaveGANConfig

    def gradient(generator):
        @tf.function
        def run(z):
            with tf.GradientTape() as tape:
                tape.watch(z)
                energy = tf.reduce_sum(generator(z) ** 2)
            return tape.gradient(energy, z)

        return run

    print("| width | batch | | original graph, ms | Keras port, ms | ratio |\n|---|---|---|---|---|---|")
    for dim in FLAGS.dims:
        with tempfile.TemporaryDirectory() as folder:
            official_wavegan.write(Path(folder), WaveGANConfig(dim=dim))
            generators = load_generator(folder, original_graph=True), load_generator(folder)
        for batch_size in FLAGS.batch_sizes:
            z = tf.random.stateless_uniform([batch_size, 100], [1, 2], -1, 1)
            for name, compiled in (("forward", tf.function), ("gradient", gradient)):
                graph, port = fastest([compiled(generator) for generator in generators], z)
                milliseconds = f"{1e3 * graph:.1f} | {1e3 * port:.1f}"
                print(f"| {dim} | {batch_size} | {name} | {milliseconds} | {graph / port:.2f} |", flush=True)


if __name__ == "__main__":
    app.run(main)
