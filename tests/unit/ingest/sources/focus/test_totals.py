from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from finops.ingest.sources.focus.totals import line_digests, overlaps

LINES = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=6)


def digests(names: list[str]) -> pa.Array:
    """The digests of lines of these services."""
    return line_digests(pa.table({"ServiceName": pa.array(names, pa.string())}))


@given(st.lists(LINES, min_size=2, max_size=4))
def test_a_file_overlaps_one_that_has_more_than_half_of_its_lines(files: list[list[str]]) -> None:
    named = {str(number): lines for number, lines in enumerate(files)}
    shared = {
        (part, whole): (Counter(named[part]) & Counter(named[whole])).total()
        for part in named
        for whole in named
        if part != whole and (len(named[part]), part) < (len(named[whole]), whole)
    }
    expected = {(*pair, count) for pair, count in shared.items() if count * 2 > len(named[pair[0]])}
    assert set(overlaps({name: digests(lines) for name, lines in named.items()})) == expected


def test_a_word_in_another_column_makes_another_line() -> None:
    first = pa.table({"ServiceName": ["a"], "SkuId": pa.array([None], pa.string())})
    second = pa.table({"ServiceName": pa.array([None], pa.string()), "SkuId": ["a"]})
    assert line_digests(first) != line_digests(second)


def test_the_same_value_in_another_spelling_is_the_same_line() -> None:
    spelt = [
        {"BilledCost": "1.50", "ChargePeriodStart": "2026-09-01 00:00:00", "Tags": '{"a": 1}', "Note": "x"},
        {"BilledCost": "1.5", "ChargePeriodStart": "2026-09-01T00:00:00Z", "Tags": '{"a":1}', "Note": "x"},
    ]
    first, second = (line_digests(pa.Table.from_pylist([cells])) for cells in spelt)
    assert first == second


def test_what_is_no_number_or_date_is_told_by_its_letters() -> None:
    table = pa.table({"BilledCost": ["n/a", "none", "n/a"], "Tags": ["{", "{", "{"]})
    first, second, third = line_digests(table).to_pylist()
    assert (first == third, first == second) == (True, False)


def test_a_column_that_is_a_list_or_a_map_is_told_by_what_it_holds() -> None:
    column = pa.array([[{"k": 1}], [{"k": 2}], [{"k": 1}]])
    first, second, third = line_digests(pa.table({"x_Parts": column})).to_pylist()
    assert (first == third, first == second) == (True, False)
