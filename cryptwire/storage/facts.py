"""Facts of notices and mails as JSON that PostgreSQL takes: whatever a stranger chose, it ends no transaction."""

import json
from collections.abc import Mapping


def facts_to_json(facts: Mapping[str, str]) -> str:
    """NUL and halves of characters, which no text column can hold, become spaces and question marks."""
    return json.dumps({_storable(name): _storable(value) for name, value in facts.items()})


def _storable(text: str) -> str:
    return str(text).replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
