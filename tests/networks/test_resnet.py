import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.networks.resnet import NUM_BLOCKS, resnet18


def _parameters(width: int) -> int:
    """Counts ResNet-18's weights by hand: convolutions and 4 per batch-norm channel."""
    w, total = width, 49 * width + 4 * width
    channels = w
    for stage in range(4):
        filters = w << stage
        total += 9 * channels * filters + 3 * 9 * filters * filters + 4 * 4 * filters
        if stage:
            total += channels * filters + 4 * filters
        channels = filters
    return total


@pytest.mark.parametrize("width", [4, 8])
def test_has_the_weights_and_shapes_of_a_resnet18(width):
    image = keras.Input((128, 129, 1))
    activations = resnet18(image, width)
    assert keras.Model(image, activations).count_params() == _parameters(width)
    assert activations["conv"].shape == (None, 64, 65, width)
    assert activations["pool"].shape == (None, 32, 33, width)
    assert activations["block_2"].shape == (None, 32, 33, width)
    assert activations[f"block_{NUM_BLOCKS}"].shape == (None, 4, 5, 8 * width)
    assert activations["embedding"].shape == (None, 8 * width)


def test_full_width_is_the_eleven_million_of_the_literature():
    # torchvision's resnet18 has 11,689,512 weights: 11,176,512 in the trunk for three
    # input channels, of which batch norm's 4,800 moving means and variances each are not counted.
    assert _parameters(64) - 2 * 4800 + 2 * 49 * 64 == 11_176_512


def test_block_is_a_residual_sum():
    image = keras.Input((32, 32, 1))
    model = keras.Model(image, resnet18(image, 4))
    for name in ("block_1_norm_2",):
        model.get_layer(name).gamma.assign(tf.zeros(4))
    activations = model(tf.random.stateless_uniform([2, 32, 32, 1], [0, 0]))
    # With its branch silenced the block passes on what came in (which the ReLU before left positive).
    np.testing.assert_array_equal(activations["block_1"], activations["pool"])
