"""What a controller answers is read as it was written; anything else is Invalid."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptwire.codec.rule_answers import (
    VERDICTS,
    Fired,
    Preview,
    Replay,
    RuleTruth,
    Standing,
    UpstreamTruth,
    preview_from_json,
    preview_to_json,
    replay_from_json,
    replay_to_json,
    standing_from_json,
    standing_to_json,
)
from cryptwire.errors import Invalid

quick = settings(max_examples=60, deadline=None)
texts = st.text(max_size=10)
words = st.lists(texts, max_size=3).map(tuple)
numbers = st.floats(allow_nan=False, allow_infinity=False)
moments = st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
maybe = st.none() | numbers
verdicts = st.sampled_from(VERDICTS)
counts = st.integers(0, 2**31)
previews = st.builds(Preview, words, verdicts, st.booleans(), texts)
truths = st.builds(
    RuleTruth, counts, texts, counts, counts, texts, verdicts, texts, maybe, maybe, maybe, st.none() | moments,
    st.none() | moments,
)  # fmt: skip
upstreams = st.builds(UpstreamTruth, st.booleans(), st.booleans(), st.booleans(), counts, moments)
standings = st.builds(Standing, truths, st.none() | upstreams, words)
fires = st.lists(st.builds(Fired, moments, numbers, words), max_size=3).map(tuple)
replays = st.builds(Replay, moments, moments, counts, st.booleans(), fires, maybe, words)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)


@quick
@given(previews, standings, replays)
def test_they_come_back_as_they_were(preview: Preview, standing: Standing, replay: Replay) -> None:
    assert preview_from_json(json.loads(json.dumps(preview_to_json(preview)))) == preview
    assert standing_from_json(json.loads(json.dumps(standing_to_json(standing)))) == standing
    assert replay_from_json(json.loads(json.dumps(replay_to_json(replay)))) == replay


@quick
@given(standings, st.data(), json_values)
def test_a_field_that_is_something_else_is_invalid_or_a_value(one: Standing, data: st.DataObject, odd: object) -> None:
    written = standing_to_json(one)
    rules = written["rules"]
    name = data.draw(st.sampled_from(sorted(rules)))
    try:
        read = standing_from_json({**written, "rules": {**rules, name: odd}})
    except Invalid:
        return
    assert isinstance(read, Standing)


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("version", True),
        ("version", "1"),
        ("epoch", None),
        ("verdict", "maybe"),
        ("reason", None),
        ("start", "1"),
        ("start", True),
        ("evaluated_at", "2026-01-01T00:00:00"),
        ("evaluated_at", "yesterday"),
        ("evaluated_at", 5),
    ],
)
def test_what_is_no_such_thing_is_named(name: str, odd: object) -> None:
    truth = RuleTruth(1, "shadow", 1, 1, "watching", "false", "", None, None, None, None, None)
    written = standing_to_json(Standing(truth, None, ()))
    with pytest.raises(Invalid, match=name):
        standing_from_json({**written, "rules": {**written["rules"], name: odd}})
