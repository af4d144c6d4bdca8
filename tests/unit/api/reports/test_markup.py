"""No text becomes an element, whatever it says."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from api.handlers.reports.markup import Markup, element, joined, text

ODD = st.text(st.sampled_from(list("<>&\"'/= aé\u2028!-")), max_size=20)


class Seen(HTMLParser):
    """The elements, attributes and words that a browser would see."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += data


@given(ODD, ODD)
def test_what_comes_in_as_text_goes_out_as_text(words: str, attribute: str) -> None:
    seen = Seen(element("p", words, element("b", words), title=attribute))
    assert (seen.elements, seen.words) == (["p", "b"], words + words)
    assert seen.attributes == [("title", attribute)]


def test_attributes_are_named_as_html_has_them_and_none_is_nothing() -> None:
    made = element("td", "1", None, class_="n", aria_label="x", title=None, colspan=2)
    assert made == '<td class="n" aria-label="x" colspan="2">1</td>'
    assert element("line", x1=0.1 + 0.2, y1=1e-12) == '<line x1="0.3" y1="1e-12"/>'
    assert joined(text("<"), Markup("<br/>"), None, ">") == "&lt;<br/>&gt;"
