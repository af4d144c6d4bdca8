"""The page of the API is the schema's own words, and says what each code means."""

from api.document import PAGE, page
from api.handlers.errors import CODES, WORDS


def test_the_page_is_what_the_schema_says() -> None:
    assert PAGE.read_text() == page(), "make docs"


def test_every_code_has_words() -> None:
    assert set(CODES.values()) | {"INTERNAL"} == set(WORDS)
    assert "nobody may" not in page()
