"""TOML files: where a key stands."""

import pytest

from tasks.errors import RequestError
from tasks.settings.loading import load_configuration
from tasks.settings.reading.toml_file import TomlFile
from tests.support.tiny_data import make_configuration

TEXT = """\
# a comment = with an equals sign
title = "x = y"
splits.train = [
    "a = b",
]
"quoted key" = 1

[augmentation]
shift = 1

[[sources]]
name = "first"

[[sources]]
name = "second"

[sources.members]
"folder/file" = "1"
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "x.toml").write_text(TEXT)
    return TomlFile(tmp_path / "x.toml")


@pytest.mark.parametrize(
    ("location", "line"),
    [
        (("title",), 2),
        (("splits", "train"), 3),
        (("splits", "train", 0), 3),
        (("splits",), 3),
        (("quoted key",), 6),
        (("augmentation",), 8),
        (("augmentation", "shift"), 9),
        (("augmentation", "missing"), 8),
        (("sources", 0, "name"), 12),
        (("sources", 1, "name"), 15),
        (("sources", 1, "urls"), 14),
        (("sources", 1, "members", "folder/file"), 18),
        (("missing",), None),
    ],
)
def test_a_location_has_the_line_of_its_key(file, location, line):
    """Dotted, quoted, in tables and lists of tables; what is missing has the line of the table around it."""
    assert file.line_of(location) == line
    assert file.place(location) == (f"{file.path}:{line}" if line else str(file.path))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("site.toml", "[orchestration]\nthreads = 0\n", r"site.toml:2: orchestration.threads: expected at least 1"),
        ("site.toml", "[orchestration]\nthread = 1\n", r"site.toml:2: orchestration.thread: .* did you mean threads\?"),
        ("site.toml", "[orchestraton]\n", r"site.toml:1: orchestraton: .* did you mean orchestration\?"),
        (
            "site.toml",
            "datasets = {}\n",
            r"site.toml:1: datasets: expected one of orchestration, downloads, standards, promotion, notifications",
        ),
        ("site.toml", 'runners = ["x"]\n', r"site.toml:1: runners: expected one of orchestration"),
        ("site.toml", '[orchestration]\nscheduled_profile = "Quick"', r"site.toml:2: .*scheduled_profile: .* quick\?"),
        ("site.toml", '[orchestration]\npriority_families = ["cn"]', r"site.toml:2: .*priority_families: .* cnn\?"),
        (
            "site.toml",
            "[profiles.smoke.search]\nfirst = { cn = { dropout = 0.1 } }",
            r"site.toml:2: profiles.smoke.search.first: .* cnn\?",
        ),
        (
            "site.toml",
            '[orchestration]\nschedule = "0 25 * * *"',
            r"site.toml:2: .*schedule: expected a cron line .*25",
        ),
        ("site.toml", '[orchestration]\nschedule = "mondays"', r"site.toml:2: .*schedule: expected a cron line"),
        ("site.toml", '[orchestration.gpus]\ndevices = ["all of them"]', r"site.toml:2: .*devices.*the id of a GPU"),
        ("site.toml", "[orchestration.gpus]\ntrainings_per_gpu = 0", r"site.toml:2: .*per_gpu: expected at least 1"),
    ],
)
def test_a_wrong_setting_is_refused_where_it_stands(tmp_path, name, text, expected):
    """The file that says it last, and the line in it; names that name nothing and cron lines that are none, too."""
    folder = make_configuration(tmp_path / "config")
    (folder / name).write_text(text)
    with pytest.raises(RequestError, match=expected):
        load_configuration(folder)


def test_a_value_that_no_site_changed_has_its_line_in_the_workflow(tmp_path):
    """A site's file that says nothing of a wrong value is not blamed for it."""
    folder = make_configuration(tmp_path / "config")
    (folder / "site.toml").write_text("[orchestration]\nthreads = 2\n")
    text = (folder / "workflow.toml").read_text()
    assert "batch_size = 64" in text
    (folder / "workflow.toml").write_text(text.replace("batch_size = 64", "batch_size = 0"))
    line = next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith("batch_size = 64"))
    with pytest.raises(RequestError, match=rf"workflow.toml:{line}: profiles.smoke.training.batch_size: expected"):
        load_configuration(folder)
