"""The promises of `tasks.report.pages.figures.svg`."""

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.report.pages.figures.svg import INK, canvas, inline

PRINTABLE = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20)


def _titled(text: str, name: str = "figure-a") -> str:
    figure = canvas(100)
    figure.text(0.1, 0.5, text, color=INK)
    return inline(figure, name, text)


@given(PRINTABLE)
@settings(max_examples=25)
def test_any_text_stays_itself(text):
    """Whatever a class is called, the figure is well-formed and says just that."""
    tree = ElementTree.fromstring(_titled(text))
    assert [element.text for element in tree.iter() if element.tag.endswith("text")] == [text]
    assert tree.get("aria-label") == text


def test_text_that_looks_like_a_stand_in_is_left_alone():
    """Colours and ids are replaced in tags, never in what people read."""
    assert f'>url(#a) id="b" {INK}</text>' in _titled(f'url(#a) id="b" {INK}')


def test_names_keep_figures_apart():
    """The same figure under two names shares no id with itself."""
    ids = [
        {element.get("id") for element in ElementTree.fromstring(_titled("x", name)).iter()} - {None}
        for name in ("figure-a", "figure-b")
    ]
    assert not ids[0] & ids[1]


def test_a_name_must_be_fit_for_an_id():
    """A name that would break out of an attribute is refused."""
    with pytest.raises(ValueError, match="letters, digits and hyphens"):
        _titled("x", 'a"b')
