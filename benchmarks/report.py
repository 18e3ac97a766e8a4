"""The report: seconds to write it, its size, and seconds until a browser shows something.

  python benchmarks/report.py
  python benchmarks/report.py --num_clips=300 --methods=1

The clips are the pretrained generator's; a method's answers are clips of latent vectors nearby, so that no
inversion has to be waited for. The browser's part needs selenium, chromium and chromedriver.
"""

import shutil
import tempfile
import time
from pathlib import Path

from absl import app, flags

FLAGS = flags.FLAGS
flags.DEFINE_integer("num_clips", 300, "Clips.", lower_bound=1)
flags.DEFINE_integer("methods", 3, "Versions of a clip beside the original.", lower_bound=1)
flags.DEFINE_string("output_dir", None, "Where to leave the report. Default: nowhere.")


def main(_):
    folder = Path(FLAGS.output_dir or tempfile.mkdtemp())
    section = made_up(FLAGS.num_clips, FLAGS.methods)

    from tf_inversion.evaluation.report import write_report

    began = time.perf_counter()
    pages = write_report(folder, [section], {"command": "benchmarks/report.py"})
    elapsed = time.perf_counter() - began
    sizes = [page.stat().st_size / 1e6 for page in pages]
    print(f"| clips | versions | pages | seconds to write | MB in all | MB of {pages[0].name} |")
    print("|---:|---:|---:|---:|---:|---:|")
    print(
        f"| {FLAGS.num_clips} | {1 + FLAGS.methods} | {len(pages)} | {elapsed:.1f} | {sum(sizes):.1f} "
        f"| {sizes[0]:.1f} |"
    )
    print(f"\nfirst contentful paint of {pages[0].name}, seconds: {first_paint(pages[0])}")
    if not FLAGS.output_dir:
        shutil.rmtree(folder)


def made_up(num_clips: int, num_methods: int):
    """Returns a section of the report on clips of the generator."""
    import numpy as np

    from tf_inversion import load_generator
    from tf_inversion.evaluation.clip_sets import synthesized_clips
    from tf_inversion.evaluation.evaluation import measure
    from tf_inversion.evaluation.report import Section
    from tf_inversion.inversion.result import InversionResult
    from tf_inversion.latents import synthesize
    from tf_inversion.models import ModelBundle
    from tf_inversion.networks.loading import load_classifier
    from tf_inversion.paths import bundled

    generator, judge = load_generator(), load_classifier(bundled("judge.keras"))
    clips = synthesized_clips(generator, num_clips, seed=0)
    rng = np.random.default_rng(0)
    trace = np.stack([np.arange(10, 210, 10), np.geomspace(1, 0.1, 20)], 1)
    results = {}
    for method in range(1, num_methods + 1):
        latents = clips.latents + rng.normal(0, 0.2, clips.latents.shape).astype(np.float32)
        results[f"method {method}"] = InversionResult(
            latents=latents,
            audio=np.stack(list(synthesize(generator, latents))),
            objective=np.ones(num_clips),
            iterations=np.full(num_clips, 200),
            evaluations=np.full(num_clips, 300),
            status=np.full(num_clips, "converged"),
            clip_seconds=np.ones(num_clips),
            trace=[trace] * num_clips,
        )
    return Section("Clips", measure(clips, results, ModelBundle(generator, judge=judge)), num_clips)


def first_paint(page: Path) -> str:
    """Returns the median over five visits and their range."""
    try:
        from selenium import webdriver
    except ImportError:
        return "no selenium"
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    driver = shutil.which("chromedriver")
    if not options.binary_location or not driver:
        return "no chromium or chromedriver"
    profile = tempfile.mkdtemp()
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-background-networking"):
        options.add_argument(f"--{argument}")
    options.add_argument(f"--user-data-dir={profile}")
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    times = []
    for _ in range(5):
        browser.get(page.absolute().as_uri())
        milliseconds = browser.execute_async_script(
            "new PerformanceObserver(list => arguments[0](list.getEntriesByName('first-contentful-paint')[0]"
            ".startTime)).observe({type: 'paint', buffered: true})"
        )
        times.append(milliseconds / 1000)
    browser.quit()
    shutil.rmtree(profile, ignore_errors=True)
    times.sort()
    return f"{times[2]:.2f} ({times[0]:.2f} to {times[-1]:.2f})"


if __name__ == "__main__":
    app.run(main)
