"""The errors: the tree that their page draws, their data, and how they quote what was given."""

import re

import pytest
from exchange_tools import connected

import obi_widgets as obi
from obi_widgets import errors
from obi_widgets.feeds.market import Market
from obi_widgets.session.waiting import wait_for

CLASSES = [one for one in vars(errors).values() if isinstance(one, type)]


def test_the_page_draws_each_error_below_its_parent():
    drawn = re.findall(r"^( *[│├└─ ]*)(\w+)(?: \((\w+)\))?", errors.__doc__.split("::")[1], re.M)
    drawn = [(len(indent), name, builtin) for indent, name, builtin in drawn if name]
    path, found = [], {}
    for indent, name, builtin in drawn:
        path = [(depth, parent) for depth, parent in path if depth < indent]
        found[name] = [*(parent for _, parent in path[-1:]), *([builtin] if builtin else [])]
        path.append((indent, name))
    assert found == {
        "UserWarning": [],
        "ObiError": [],
        **{
            one.__name__: [base.__name__ for base in one.__bases__]
            for one in CLASSES
            if one is not obi.ObiError
        },
    }


@pytest.mark.parametrize("error", [one for one in CLASSES if issubclass(one, obi.ObiError)])
def test_an_error_says_what_was_wrong_and_what_to_do(error):
    raised = error("It broke.", "Mend it.")
    assert (raised.what, raised.advice, str(raised)) == (
        "It broke.",
        "Mend it.",
        "It broke. Mend it.",
    )
    assert str(error("It broke.")) == "It broke."


def test_an_error_of_a_venue_names_the_market():
    market = Market(connected())
    with pytest.raises(errors.VenueError, match=r"^0 of 1 state came") as caught:
        wait_for(market, 1, 0)
    assert caught.value.source == "lmex:BTC-PERP"


def test_a_long_value_is_cut():
    assert errors.quoted("a" * 97) == repr("a" * 97)
    assert errors.quoted("a" * 999) == f"'{'a' * 98}…"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("bin", "Did you mean 'binance'?"),
        ("OKX", "Did you mean 'okx'?"),
        ("binnance", "Did you mean 'binance'?"),
        ("zzz", "Known are: binance, okx."),
        ("", "Known are: binance, okx."),
    ],
)
def test_a_wrong_name_is_answered_with_the_most_similar_one(name, advice):
    assert errors.suggest(name, ["okx", "binance"]) == advice


def test_one_is_not_many():
    gaps = [errors.counted(count, "gap") for count in (0, 1, 2000)]
    assert gaps == ["0 gaps", "1 gap", "2,000 gaps"]
    assert errors.counted(2, "entry", "entries") == "2 entries"
