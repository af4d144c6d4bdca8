"""The pages of the API and of files are the code's own words, and say what each code means."""

from api import document_files
from api.document import PAGE, page
from api.handlers.errors import CODES, WORDS


def test_the_page_is_what_the_schema_says() -> None:
    assert PAGE.read_text() == page(), "make docs"


def test_the_page_of_files_is_what_their_tables_say() -> None:
    assert document_files.PAGE.read_text() == document_files.page(), "make docs"


def test_every_code_has_words() -> None:
    assert set(CODES.values()) | {"INTERNAL"} == set(WORDS)
    assert "nobody may" not in page()
