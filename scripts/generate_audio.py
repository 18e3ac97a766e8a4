"""Draws latent vectors and writes the clips that the generator makes of them.

  generate_audio                                     # ten clips of the pretrained generator
  generate_audio --num=1000 --seed=7 --output_dir=out/thousand
  generate_audio --generator=wavegan_sc09/ --subtype=PCM_16

Writes OUTPUT_DIR/latents.npz (`latents` float32 [num, latent_dim], `names`) and
OUTPUT_DIR/<name>.wav at the generator's rate. The same seed gives the same bytes.
Clips of an earlier run in OUTPUT_DIR are removed, files of others are not.
"""

from absl import flags

from tf_inversion.models import ModelBundle, ModelSettings
from tf_inversion.scripts import command, common_flags, settings_flags

FLAGS = flags.FlagValues()

settings_flags.define(ModelSettings, FLAGS, without=("inverter", "classifier", "judge"))
common_flags.define(FLAGS, "output_dir", "seed", "batch_size", output_dir="out/generated")
flags.DEFINE_integer("num", 10, "How many clips.", lower_bound=1, flag_values=FLAGS)
flags.DEFINE_enum(
    "subtype", "FLOAT", ["FLOAT", "PCM_16", "PCM_24"], "Sample format of the WAV files.", flag_values=FLAGS
)


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    folder = common_flags.output_dir(FLAGS)

    from tf_inversion import paths
    from tf_inversion.audio.files import write_audio
    from tf_inversion.latents import remove_earlier, save_latents, synthesize

    generator = ModelBundle.load(settings_flags.read(ModelSettings, FLAGS), needs=(), wants=()).generator
    latents = generator.draw_latents(FLAGS.num, FLAGS.seed)
    names = [f"synthesized_{index:05d}" for index in range(FLAGS.num)]
    progress = common_flags.progress(FLAGS, "generating")
    clips = synthesize(generator, latents, batch_size=FLAGS.batch_size, progress=progress)
    with paths.together():
        for name, clip in zip(names, clips):
            write_audio(folder / f"{name}.wav", clip, generator.sample_rate, FLAGS.subtype)
        remove_earlier(folder / "latents.npz", folder, names)
        save_latents(folder / "latents.npz", latents, names)
    print(f"{FLAGS.num} clips: {folder / names[0]}.wav, ...")
    print(f"latents: {folder / 'latents.npz'}")


run = command.runner(main, __doc__, FLAGS)
