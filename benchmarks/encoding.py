"""Encoding: seconds from audio to latent vector, and how near to the machine's own matrix product.

  python benchmarks/encoding.py
  python benchmarks/encoding.py --inverter=runs/inverter/inverter.keras --runs=20

Runs the paper's ResNet-18 (width 64) and a trained inverter, whose width is
what it was trained with, on one clip and on 32.
"""

from absl import app, flags

FLAGS = flags.FLAGS
flags.DEFINE_string("inverter", None, "A trained inverter. Default: the pretrained one.")
flags.DEFINE_list("batch_sizes", ["1", "32"], "Clips at once.")
flags.DEFINE_integer("runs", 10, "Counted calls.", lower_bound=1)


def main(_):
    import tensorflow as tf

    import measure
    from tf_inversion.networks.inverter import Inverter
    from tf_inversion.networks.loading import load_inverter

    trained = load_inverter(FLAGS.inverter)
    inverters = {"ResNet-18 of width 64": Inverter(width=64), FLAGS.inverter or "pretrained": trained}
    best = measure.matmul_gflops()
    print(f"float32 matrix product of this machine, in this run: {best:.0f} GFLOP/s\n")
    print("| inverter | batch | seconds | clips/s | GFLOP | GFLOP/s | ratio to matrix product |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, inverter in inverters.items():
        encode = tf.function(lambda audio, inverter=inverter: inverter(audio, training=False))
        for batch_size in map(int, FLAGS.batch_sizes):
            audio = tf.random.normal([batch_size, inverter.num_samples], stddev=0.1)
            work = measure.count_gflop(encode, audio)
            elapsed = measure.seconds(lambda e=encode, a=audio: e(a).numpy(), FLAGS.runs)
            speed = work / elapsed
            print(
                f"| {name} | {batch_size} | {elapsed:.4f} | {batch_size / elapsed:.1f} | {work:.2f} "
                f"| {speed:.0f} | {speed / best:.2f} |"
            )


if __name__ == "__main__":
    app.run(main)
