import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.networks.loading import load_classifier

tf1 = tf.compat.v1


@pytest.fixture
def score_model(tmp_path):
    """Writes a classifier in the official layout; returns its folder, clips and their true scores."""
    clips = np.random.default_rng(0).uniform(-1, 1, (3, 16384)).astype(np.float32)
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None, 16384], name="x")
        level = tf.stop_gradient(tf.math.log(tf.abs(tf.signal.rfft(x)[:, :64]) + 1e-6))
        kernel = tf1.get_variable("kernel", [64, 10], use_resource=False)
        scores = tf.nn.softmax(level @ kernel, name="scores")
        saver = tf1.train.Saver()
        session.run(tf1.global_variables_initializer())
        saver.save(session, str(tmp_path / "best_acc"), global_step=103005, write_meta_graph=False)
        tf1.train.export_meta_graph(str(tmp_path / "infer.meta"), saver_def=saver.as_saver_def())
        return tmp_path, clips, session.run(scores, {x: clips})


@pytest.mark.parametrize("name", ["", "best_acc-103005"])
def test_judges_as_the_original_graph_does(score_model, name):
    folder, clips, scores = score_model
    judge = load_classifier(folder / name)
    np.testing.assert_allclose(tf.nn.softmax(judge(clips)), scores, atol=1e-6)
    assert (judge.num_samples, judge.label_names[3]) == (16384, "three")
    assert judge.trainable_variables == []


def test_another_graph_is_refused(tmp_path, score_model):
    (score_model[0] / "infer.meta").unlink()
    with pytest.raises(errors.ModelFileError, match=r"no original graph \(infer\.meta\)"):
        load_classifier(score_model[0])
