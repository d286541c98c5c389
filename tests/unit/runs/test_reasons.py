"""The promises of `tasks.runs.reasons`: a reason is read without the paths of one machine."""

import pytest

from tasks.runs.reasons import relative
from tasks.storage.location import open_store
from tests.support import synthetic


@pytest.mark.parametrize(
    "mirror", ["/srv/mirror", "/srv/mirror/", "file:///srv/mirror", "https://m.example/data", "s3://b/m"]
)
def test_a_file_of_the_mirror_is_named_by_its_place_in_it(tmp_path, mirror):
    """Wherever the mirror is, its file is named relative to it, and so is an object of the store."""
    store = open_store((tmp_path / "store").as_uri())
    request = synthetic.request().model_copy(update={"mirror": mirror})
    file, key = f"{mirror.rstrip('/')}/m/a.bin", f"{store.uri}/artifacts/train/k1/manifest.json"
    text = f"fetch: DataError: {file}: expected 3 bytes, received 2; {key}: damaged; '{file}', ({mirror.rstrip('/')})"
    expected = "fetch: DataError: m/a.bin: expected 3 bytes, received 2; artifacts/train/k1/manifest.json: damaged; "
    assert relative(text, request, store) == expected + "'m/a.bin', (the mirror)"


def test_a_folder_is_known_as_an_address_too(tmp_path):
    """A mirror that is a folder may be named as a path or as a file:// address, and so may a store that is one."""
    store = open_store((tmp_path / "store").as_uri())
    request = synthetic.request().model_copy(update={"mirror": "/srv/mirror"})
    assert relative("file:///srv/mirror/m/a: gone", request, store) == "m/a: gone"
    assert relative(f"{tmp_path}/store/runs/x: full", request, store) == "runs/x: full"


def test_other_paths_are_left_alone(tmp_path):
    """A path that only begins or ends like the mirror's is another one."""
    store = open_store((tmp_path / "store").as_uri())
    request = synthetic.request().model_copy(update={"mirror": "/srv"})
    text = "/home/srv/x, /srvice/x, https://srv/x, /usr/lib/x"
    assert relative(text, request, store) == text
    assert relative("/x/y", request.model_copy(update={"mirror": "/"}), store) == "/x/y"
    assert relative("/x/y", request.model_copy(update={"mirror": None}), store) == "/x/y"
