import pytest

from tasks.storage.provenance import code_digest, computing_modules

STAGE = '''"""What it does."""
import os


def run():
    """Run it."""
    from tasks.learning import deep
    return deep
'''


@pytest.fixture
def project(tmp_path):
    """A small project, and the digest of its stage."""
    write(tmp_path, "tasks.stages.a", STAGE)
    write(tmp_path, "tasks.learning.deep", "from tasks.learning.deeper import x\nfrom tasks.settings.b import y\n")
    write(tmp_path, "tasks.learning.deeper", 'x = """one\n\n# two\n"""\n')
    write(tmp_path, "tasks.settings.b", "y = 1\n")
    write(tmp_path, "tasks.learning.other", "x = 1\n")
    return tmp_path


def write(project, module, text):
    path = project.joinpath(*module.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def digest(project, *more):
    return code_digest(["tasks.stages.a", *more], project)


def test_the_digest_follows_imports_wherever_they_stand_and_nothing_else(project):
    """A change below a function-level import moves the digest; a module that is not imported does not."""
    before = digest(project)
    write(project, "tasks.learning.other", "x = 2\n")
    assert digest(project) == before
    assert digest(project, "tasks.learning.other") != before
    write(project, "tasks.learning.deeper", "x = 2\n")
    assert digest(project) != before


def test_settings_are_no_code_that_computes(project):
    """A change of the settings' code moves nothing: what a stage uses of them is in its key by value."""
    before = digest(project)
    write(project, "tasks.settings.b", "y = 2\n")
    assert digest(project) == before


@pytest.mark.parametrize(
    "text",
    [
        STAGE.replace("What it does.", "What it did,\n\nand why."),
        STAGE.replace("Run it.", "Run all of it."),
        STAGE.replace("import os\n", "import os  # for nothing\n# Another remark.\n"),
        STAGE.replace("\n\n\n", "\n"),
    ],
)
def test_words_about_the_code_do_not_count(project, text):
    """Docstrings, comments and blank lines can be changed without making anything again."""
    before = digest(project)
    write(project, "tasks.stages.a", text)
    assert digest(project) == before


@pytest.mark.parametrize(
    "text", ['x = """one\n# two\n"""\n', 'x = """one\n\n# three\n"""\n', 'x = """one\n\n# two \n"""\n']
)
def test_every_character_of_other_strings_counts(project, text):
    """What looks like a comment or a blank line within a string is part of a value."""
    before = digest(project)
    write(project, "tasks.learning.deeper", text)
    assert digest(project) != before


def test_training_does_not_depend_on_the_code_of_the_report():
    """A new plot must not retrain a model: the report's modules are outside of what train computes with."""
    modules = computing_modules(["tasks.stages.train", "tasks.models.cnn"])
    assert {"tasks.learning.loop", "tasks.learning.network", "tasks.models.cnn"} <= modules
    assert not {name for name in modules if name.startswith(("tasks.report", "tasks.comparison", "tasks.models.ann"))}
