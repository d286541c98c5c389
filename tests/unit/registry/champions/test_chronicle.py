"""What a person reads of champions in a terminal."""

from tasks.registry.champions import decisions, ledger
from tasks.registry.champions.chronicle import chronicle, portrait
from tests.support import champions
from tests.support.champions import DATASET

BETTER, WORSE = (champions.judgement(passed=passed).sentence for passed in (True, False))


def at(hour: int) -> str:
    """An hour of one day."""
    return f"2026-11-29T{hour:02d}:00:00.000+00:00"


def test_the_history_tells_all_in_the_order_of_its_times(store):
    """Decisions, refusals, answers, promotions and rollbacks are one table, whose last column may be long."""
    decisions.keep_decision(store, champions.decision("r1", when=at(1), approval="automatic"))
    ledger.append(store, champions.entry(1, decision="r1", who="automatic", when=at(2), why=BETTER))
    decisions.keep_decision(store, champions.decision("r2", "quick-2", passed=False, when=at(3), champion=1))
    decisions.keep_decision(store, champions.decision("r3", "quick-3", when=at(4), champion=1))
    decisions.keep_answer(store, DATASET, champions.answer("r3", "rejected", when=at(5), who="bob"))
    ledger.append(store, champions.entry(2, "quick-4", decision="gone", when=at(6), why="I insist."))
    back = champions.entry(3, kind="rollback", restores=1, decision=None, when=at(7), why="It was too slow.")
    ledger.append(store, back)
    decisions.keep_decision(store, champions.decision("r5", "quick-5", when=at(8), champion=3))
    assert chronicle(store, DATASET) == [
        "cifar10: cnn 250,000, of run quick-1",
        "NUMBER  WHEN (UTC)        WHO        RUN      MODEL        ACCURACY  WHAT",
        f"        2026-11-29 01:00  the gate   quick-1  cnn 250,000  71.0 %    {BETTER}",
        "1       2026-11-29 02:00  automatic  quick-1  cnn 250,000  71.0 %    promoted",
        f"        2026-11-29 03:00  the gate   quick-2  cnn 250,000  71.0 %    {WORSE}",
        f"        2026-11-29 04:00  the gate   quick-3  cnn 250,000  71.0 %    {BETTER}",
        "        2026-11-29 05:00  bob        quick-3  cnn 250,000  71.0 %    It was rejected.",
        "2       2026-11-29 06:00  ada        quick-4  cnn 250,000            promoted: I insist.",
        "3       2026-11-29 07:00  ada        quick-1  cnn 250,000  71.0 %    back to number 1: It was too slow.",
        f"        2026-11-29 08:00  the gate   quick-5  cnn 250,000  71.0 %    {BETTER} Nobody has answered yet.",
    ]


def test_a_long_sentence_stands_below_its_row(store):
    """In lines that no terminal of 112 characters breaks."""
    sentence = f"{BETTER} {'It is better for one more reason. ' * 6}".strip()
    judged = champions.judgement().model_copy(update={"sentence": sentence})
    decisions.keep_decision(store, champions.decision("r1", when=at(1), approval="automatic", judgement=judged))
    now, titles, row, *below = chronicle(store, DATASET)
    assert now == "cifar10: no champion yet"
    assert titles.startswith("NUMBER  WHEN")
    assert row.endswith("71.0 %")
    assert " ".join(line.strip() for line in below) == sentence
    assert max(map(len, below)) <= 112
    assert all(line.startswith(" " * 8) for line in below)


def test_without_anything_there_is_no_table(store):
    """A dataset that nobody promoted for has no lines."""
    assert chronicle(store, DATASET) == []
    assert portrait(store, DATASET) == ["cifar10: no champion yet"]


def test_the_present_champion_in_some_lines(store):
    """What it is, how good it was, since when it is the champion, through whom, and what `predict` uses."""
    decisions.keep_decision(store, champions.decision("r1"))
    ledger.append(store, champions.entry(1, decision="r1", export="e" * 40))
    assert portrait(store, DATASET) == [
        "cifar10: cnn 250,000, of run quick-1",
        "  accuracy   71.0 % (70.0 % to 72.0 %) on 1,000 images, when it was judged",
        "  number     1, since 2026-11-29 10:01 UTC",
        "  who, why   ada: The CNN is better.",
        "  model      seed 2, the best of 3 by validation accuracy",
        f"  export     artifacts/export/{'e' * 40}",
    ]


def test_after_a_rollback_the_numbers_of_the_promotion_are_shown(store):
    """They are those of the decision that once promoted it."""
    decisions.keep_decision(store, champions.decision("r1"))
    ledger.append(store, champions.entry(1, decision="r1"))
    ledger.append(store, champions.entry(2, "quick-2"))
    ledger.append(store, champions.entry(3, kind="rollback", restores=1, decision=None, export=None))
    lines = portrait(store, DATASET)
    assert lines[1].startswith("  accuracy   71.0 %")
    assert lines[2] == "  number     3 (rollback to number 1), since 2026-11-29 10:03 UTC"
    assert lines[-1] == "  export     none"
