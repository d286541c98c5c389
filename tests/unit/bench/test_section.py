from tests.bench.section import Section, lines


def test_a_table_has_its_notes_below():
    """Each as a paragraph of its own."""
    text = Section("Title", [{"a": 1, "b": 0.12345}], ["One.", "Two."]).markdown()
    assert text == "### Title\n\n| a | b |\n|---|---|\n| 1 | 0.123 |\n\nOne.\n\nTwo."


def test_a_line_comes_as_soon_as_its_row_is_there():
    """The head comes with the first row, before the second one is made."""

    def rows():
        yield {"a": 1}
        raise RuntimeError("not asked for yet")

    found = lines(rows())
    assert [next(found), next(found), next(found)] == ["| a |", "|---|", "| 1 |"]
