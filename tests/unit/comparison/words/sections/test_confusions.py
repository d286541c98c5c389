"""The promises of `tasks.comparison.words.sections.confusions` and of `tasks.comparison.words.sections.mistakes`."""

import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.schema.differences import SeedTest
from tasks.comparison.schema.mistakes import Gallery, GivenAnswer, MistakenImage
from tasks.comparison.words.sections.confusions import confusions_in_words, mended_in_words
from tasks.comparison.words.sections.mistakes import answer_in_words, gallery_in_words, gallery_title
from tests.support import synthetic
from tests.support.differences import difference


def _dataset(cells, classes=("Shirt", "T-shirt/top", "Bag")):
    """A dataset on which the one family took classes for others, as `cells` say."""
    request = synthetic.request(families=("cnn",))
    branches, records, facts = synthetic.everything(request), synthetic.records(request), synthetic.facts(request)
    made = compare(request, branches, records, facts, synthetic.ENVIRONMENT).datasets[0]
    model = made.models[0].model_copy(update={"confusion": cells})
    return made.model_copy(update={"models": (model,), "differences": (), "classes": classes})


def test_the_pairs_that_are_confused_most_stand_in_words():
    """Both ways of a pair in one sentence, the more frequent way first, with their part of all mistakes."""
    cells = ((0, 0, 80), (0, 1, 15), (0, 2, 5), (1, 1, 90), (1, 0, 10), (2, 2, 100))
    assert confusions_in_words(_dataset(cells)) == [
        "The CNN takes “Shirt” for “T-shirt/top” in 15.0 % of cases, and the other way round in 10.0 %: "
        "confusing these two makes up 83 % of its mistakes.",
        "The CNN takes “Shirt” for “Bag” in 5.0 % of cases, and never the other way round: "
        "confusing these two makes up 17 % of its mistakes.",
    ]


def test_two_classes_have_one_pair_and_it_is_all():
    """With two classes every mistake is the same confusion."""
    said = confusions_in_words(_dataset(((0, 0, 90), (0, 1, 10), (1, 0, 30), (1, 1, 70)), ("no", "yes")))
    assert said == [
        "The CNN takes “yes” for “no” in 30.0 % of cases, and the other way round in 10.0 %: "
        "confusing these two makes up all of its mistakes."
    ]


def test_a_class_without_test_examples_is_confused_one_way():
    """Nothing is said of how often a class is mistaken that no test example has."""
    said = confusions_in_words(_dataset(((0, 0, 90), (0, 1, 10), (2, 2, 4))))
    assert said == ["The CNN takes “Shirt” for “T-shirt/top” in 10.0 % of cases: that makes up all of its mistakes."]


def test_few_mistakes_are_told_of_no_pair():
    """Mistakes that could be chance are not called a confusion; a model without any is said to have none."""
    classes = tuple(f"class {number}" for number in range(1_000))
    spread = tuple((number, (number + 1) % 1_000, 1 + number % 2) for number in range(1_000))
    said = confusions_in_words(_dataset(spread, classes))
    assert said == ["The CNN confuses no two classes more than 2 times, over all seeds."]
    said = confusions_in_words(_dataset(((0, 0, 9), (0, 1, 1))))
    assert said == ["The CNN confuses no two classes more than once, over all seeds."]
    assert confusions_in_words(_dataset(((0, 0, 9), (1, 1, 9)))) == ["The CNN makes no mistake on the test part."]


def test_what_one_family_mends():
    """Means over the seeds that add up: what the other gets right, what stays, what is new."""
    tests = [
        SeedTest(seed=seed, both_right=80, only_family=10 + seed, only_reference=4, both_wrong=6, estimate=0, p_value=1)
        for seed in range(3)
    ]
    assert mended_in_words(difference(0.06, 0.01, seeds=tuple(tests))) == (
        "Of the 17 mistakes that the ANN makes per seed, the CNN gets 11 right; 6 stay, and 4 are new."
    )
    assert mended_in_words(difference(0.06, 0.01, seeds=tuple(tests[:1]))) == (
        "Of the 16 mistakes that the ANN makes, the CNN gets 10 right; 6 stay, and 4 are new."
    )
    perfect = SeedTest(seed=0, both_right=9, only_family=0, only_reference=1, both_wrong=0, estimate=-0.1, p_value=1)
    assert mended_in_words(difference(-0.1, 0.05, seeds=(perfect,))) == ""


def _gallery(kind, count=489, of=10_000, families=("cnn",), shown=1):
    answer = GivenAnswer(family="cnn", predicted="Bag", confidence=0.984, count=1)
    images = tuple(MistakenImage(index=index, true="Shirt", answers=(answer,)) for index in range(shown))
    return Gallery(kind=kind, families=families, count=count, of=of, images=images)


@pytest.mark.parametrize(
    ("gallery", "seeds", "said"),
    [
        (_gallery("always"), 3, "The CNN got 489 of 10,000 test images wrong under each of the 3 "
         "seeds. Here is 1: the most confident."),
        (_gallery("always", 1, 9), 1, "The CNN got 1 of 9 test images wrong."),
        (_gallery("always", 0, 9, shown=0), 1, "The CNN got none of the 9 test images wrong."),
        (_gallery("only_reference", 2, 9, ("ann",), 2), 2,
         "The ANN got 2 of 9 test images wrong that every other model got right, under each seed."),
        (_gallery("sure", 5_384, 60_000, ("ann", "cnn"), 12), 3,
         "5,384 of 60,000 answers of all models were wrong. Here are 12: the most confident, one of each image."),
        (_gallery("disagreed", 1, 9, ("cnn", "mix")), 3,
         "One of the CNN and the MIX got 1 of 9 test images right under some seeds, and wrong under others."),
    ],
)  # fmt: skip
def test_a_gallery_says_how_many_there_are(gallery, seeds, said):
    """The number of all, not only of those shown; and which ones are shown, where these are not all."""
    assert gallery_in_words(gallery, seeds) == said
    assert gallery_title(gallery)


def test_an_answer_says_how_many_seeds_gave_it_unless_all_did():
    """One line below an image."""
    answer = GivenAnswer(family="cnn", predicted="Bag", confidence=0.984, count=2)
    assert answer_in_words(answer, "Bag", 2) == "CNN: Bag, 98 %"
    assert answer_in_words(answer, "Bag", 3) == "CNN: Bag, 98 % (2 of 3)"
