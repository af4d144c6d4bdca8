"""Texts: whatever is known of a notice, it reads well, and nobody's words leave their place."""

import pytest

from cryptwire.texts import NOTICES, Texts, tidy

KINDS = sorted(path.stem for path in NOTICES.glob("*.txt"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "facts", [{}, {"hopper": "$reason ${x} $$", "reason": "a\nb", "until": "2026-03-01T12:30:00Z"}]
)
def test_a_text_has_a_subject_of_one_line_and_no_holes(kind: str, facts: dict[str, str]) -> None:
    text = Texts().of(kind, facts)
    assert text.subject.strip()
    assert "\n" not in text.subject
    if not facts:
        assert "$" not in " ".join([text.subject, *text.paragraphs])


def test_a_paragraph_without_its_fact_is_left_out() -> None:
    texts = Texts()
    assert len(texts.of("silence", {"hopper": "A", "minutes": "5"}).paragraphs) == 1
    assert len(texts.of("silence", {"hopper": "A", "minutes": "5", "reason": "x", "last_at": "y"}).paragraphs) == 3


def test_a_moment_is_written_for_people() -> None:
    told = Texts().of("payment-failed", {"until": "2026-03-01T14:30:59.5+02:00"})
    assert told.paragraphs[-1] == "Until 2026-03-01 12:30 UTC everything stays as it is."
    odd = Texts().of("payment-failed", {"until": "2026-03-99Tx"})
    assert "2026-03-99Tx" in odd.paragraphs[-1]


def test_a_kind_that_nobody_wrote_is_told_in_general_words_with_its_facts() -> None:
    text = Texts().of("moon-landing", {"crew": "two"})
    assert text.subject == "News from Cryptwire"
    assert "crew: two" in text.paragraphs


def test_facts_cannot_name_other_facts() -> None:
    text = Texts().of("import-failed", {"reason": "$hopper ${secret} $$"})
    assert text.paragraphs[-1] == "$hopper ${secret} $$"


def test_what_does_not_print_is_a_space_and_what_is_long_is_cut() -> None:
    assert tidy(" a\x00b\r\n\u202ec\ud800 ") == "a b c"
    assert len(tidy("x" * 10_000)) == 300
