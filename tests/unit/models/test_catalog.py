import pytest

from samj_bridge.errors import ModelError
from samj_bridge.models import catalog, find_model
from samj_bridge.worker.families import FAMILIES


def test_every_model_has_a_known_family_and_says_what_it_is():
    assert "starter" in catalog()
    for name, entry in catalog().items():
        assert entry.id == name
        assert entry.family in FAMILIES
        assert entry.title
        assert entry.architecture
        assert entry.licence
        assert set(entry.prompts) <= {"box", "points", "negative", "mask"}
        assert entry.prompts
        assert entry.file.is_absolute()


def test_an_unknown_model_is_told_apart_from_the_known_ones():
    with pytest.raises(ModelError, match="no model 'sam-xl'") as caught:
        find_model("sam-xl")
    assert caught.value.code == "unknown-model"
    assert "starter" in caught.value.hint


def test_the_catalog_can_not_be_changed_by_accident():
    with pytest.raises(TypeError):
        catalog()["x"] = find_model("starter")


def test_the_packaged_weights_are_there_and_small():
    size = find_model("starter").check_file().stat().st_size
    assert 1e5 < size < 8e6
