import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tf_inversion import errors
from tf_inversion.export import versions


def put(folder, number):
    (folder / str(number)).mkdir(parents=True)
    (folder / str(number) / "saved_model.pb").write_bytes(b"")


def test_the_next_number(tmp_path):
    folder = tmp_path / "serving/inverter"
    assert versions.new_version(folder) == folder / "1"
    put(folder, 3)
    put(folder, 10)
    versions.write_server_files(folder)
    (folder / ".unfinished-x").mkdir()
    assert versions.new_version(folder) == folder / "11"
    assert versions.new_version(folder, 4) == folder / "4"
    with pytest.raises(errors.InvalidArgumentError, match="version 10 is there already"):
        versions.new_version(folder, 10)


@pytest.mark.parametrize("name", ["notes.txt", "7", "1.wav"])
def test_a_folder_of_something_else(tmp_path, name):
    put(tmp_path, 1)
    (tmp_path / name).mkdir()  # 7 has no model
    with pytest.raises(errors.InvalidArgumentError, match=f"holds {name}, which is no version"):
        versions.new_version(tmp_path)


def test_the_server_reads_its_files(tmp_path):
    folder = tmp_path / 'of "mine"'
    folder.mkdir()
    (folder / versions.BATCHING).write_text("mine")
    versions.write_server_files(folder)
    text = (folder / versions.MODELS).read_text()
    (model,) = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config
    assert (model.name, model.base_path) == ('of "mine"', '/models/of "mine"')
    assert model.model_platform == "tensorflow"
    assert (folder / versions.BATCHING).read_text() == "mine"
