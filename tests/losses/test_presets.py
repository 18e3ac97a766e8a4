import pytest

from tf_inversion import errors, losses


@pytest.mark.parametrize(
    ("spec", "answer"),
    [
        ("waveform", [({"waveform": 1}, None)]),
        ("paper", [({"real_part": 1}, None)]),
        ("waveform+0.1*prior", [({"waveform": 1, "prior": 0.1}, None)]),
        ("2*log_mel:40,synthesized", [({"log_mel": 2}, 40), ({"waveform": 1}, None)]),
        ("prior:1,paper:2,prior+prior", [({"prior": 1}, 1), ({"real_part": 1}, 2), ({"prior": 2}, None)]),
        ("encoder+2*latent+posterior", [({"latent": 3, "posterior_hellinger": 1}, None)]),
        ({"prior": 3.0}, [({"prior": 3.0}, None)]),
    ],
)
def test_stages(spec, answer):
    assert losses.stages(spec) == answer


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "objective: '' is no loss term; choose from waveform, .*; or, alone, from auto, paper"),
        ("loud", "objective: 'loud' is no loss term"),
        ("waveform,", "objective: '' is no loss term"),
        ("waveform++prior", "objective: '' is no loss term"),
        ("waveform +prior", "objective: 'waveform ' is no loss term"),
        ("paper+prior", "objective: 'paper' is no loss term"),
        ("log_mel:4,auto", "objective: 'auto' is no loss term"),
        ("much*waveform", r"objective: 'much\*waveform': 'much' is no weight"),
        ("2*3*waveform", r"'2\*3' is no weight"),
        ("waveform:0", "objective: 'waveform:0': '0' is no iteration count"),
        ("waveform:-1", "'-1' is no iteration count"),
        ("waveform:1.5", "'1.5' is no iteration count"),
        ("waveform:5:6", "'5:6' is no iteration count"),
    ],
)
def test_stages_that_can_not_be_read(spec, message):
    with pytest.raises(errors.InvalidArgumentError, match=message) as caught:
        losses.stages(spec)
    assert "\n" not in str(caught.value)
