"""Commands as somebody types them, against a store and a configuration of their own."""

import pytest

from tests.support.stage_commands import speaking
from tests.support.tiny_data import make_configuration


@pytest.fixture
def typed(tmp_path, caplog, capsys):
    """Types a command; its exit code, and all that it said."""
    environment = {
        "STORE": (tmp_path / "store").as_uri(),
        "WORKFLOW_CONFIG": str(make_configuration(tmp_path / "config")),
        "APPROVAL": "",
    }
    type_in = speaking(environment, caplog)

    def typed(*arguments, **changes):
        said = type_in(*arguments, **changes)
        return said.code, said.output + capsys.readouterr().out

    return typed
