import pytest

from tests.fuzz import TARGETS, fuzz


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow on flawed EXIF data
@pytest.mark.parametrize("name", TARGETS)
def test_nearly_right_input_is_a_value_or_a_clear_error(name):
    """Readers, archives, parameters, TOML and names: no other exception, no wrong value, no write elsewhere."""
    assert fuzz(name, 150) >= 100
