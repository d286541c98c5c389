from tasks import source
from tasks.source import code_digest


def module(folder, name, text):
    path = folder.joinpath(*name.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_digest_follows_imports_wherever_they_stand_and_nothing_else(tmp_path, monkeypatch):
    """A change below a function-level import moves the digest; a module that is not imported does not."""
    monkeypatch.setattr(source, "PROJECT", tmp_path)
    module(tmp_path, "tasks.stages.a", "import os\ndef run():\n    from tasks import deep\n")
    module(tmp_path, "tasks.deep", "from tasks.deeper import x\n")
    module(tmp_path, "tasks.deeper", "x = 1\n")
    module(tmp_path, "tasks.other", "x = 1\n")
    before = code_digest(["tasks.stages.a"])
    module(tmp_path, "tasks.other", "x = 2\n")
    assert code_digest(["tasks.stages.a"]) == before
    assert code_digest(["tasks.stages.a", "tasks.other"]) != before
    module(tmp_path, "tasks.deeper", "x = 2\n")
    assert code_digest(["tasks.stages.a"]) != before


def test_training_does_not_depend_on_the_code_of_the_report():
    """A new plot must not retrain a model: the report's modules are outside of train's closure."""
    closure = source._closure(["tasks.stages.train", "tasks.models.cnn"])
    assert {"tasks.training", "tasks.network", "tasks.models.cnn"} <= closure
    assert not {name for name in closure if "report" in name or name in ("tasks.comparison", "tasks.models.ann")}
