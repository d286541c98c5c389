"""What became of the images of the version before."""

from tasks.data.collected.changes import Entry, changes, read_index, write_index

BEFORE = {
    "d1": Entry("a", "train", "a/1.png"),
    "d2": Entry("a", "train", "a/2.png"),
    "d3": Entry("b", "test", "b/3.png"),
    "d4": Entry("b", "train", "b/4.png"),
}


def test_changes_are_counted_by_content_and_named():
    """A renamed image is the same one; what came, went, or has another class now is named."""
    after = {
        "d1": Entry("a", "train", "a/one.png"),
        "d2": Entry("b", "train", "b/2.png"),
        "d3": Entry("b", "test", "b/3.png"),
        "d5": Entry("c", "train", "c/5.png"),
        "d6": Entry("c", "test", "c/6.png"),
    }
    assert changes(BEFORE, after, "v1").as_facts() == {
        "previous": "v1",
        "added": 2,
        "removed": 1,
        "relabelled": 1,
        "shifted": 0.4,
        "files": {"added": ["c/5.png", "c/6.png"], "removed": ["b/4.png"], "relabelled": ["b/2.png"]},
    }
    assert changes(BEFORE, after, "v1").shifted == ("c", "a", "b")


def test_at_most_ten_names_are_kept():
    """A hundred new images are counted, and the first ten are named."""
    many = {f"n{number:03}": Entry("a", "train", f"a/{number:03}.png") for number in range(100)}
    found = changes(BEFORE, BEFORE | many, None)
    assert found.added == 100
    assert found.files["added"] == tuple(f"a/{number:03}.png" for number in range(10))


def test_a_table_is_read_as_it_was_written(tmp_path):
    """Commas, quotes and letters of all kinds in names do not matter."""
    entries = [Entry("rosé, wild", "train", 'a "b"/ä,1.png'), Entry("tulip", "test", "t.png")]
    write_index(tmp_path / "images.csv", ["d1", "d2"], entries)
    assert read_index(tmp_path / "images.csv") == {"d1": entries[0], "d2": entries[1]}
    assert (tmp_path / "images.csv").read_text(encoding="utf-8").startswith("digest,label,part,name\nd1,")
