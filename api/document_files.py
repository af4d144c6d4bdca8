"""``docs/exports.md``, from the tables' own words: ``python -m api.document_files`` writes it, a test compares."""

import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from string import Template
from typing import Any

from api.handlers.exports import tax
from api.handlers.exports.cells import Kind, Table
from api.handlers.exports.routes import FILES, NEEDS, TAX
from api.handlers.reports import routes as reports
from api.settings import Settings

PAGE = Path(__file__).parent.parent / "docs" / "exports.md"
_HEAD = Template((Path(__file__).parent / "document_files.md").read_text())


def page() -> str:
    """The whole page."""
    defaults: dict[str, Any] = {one.name: one.default for one in fields(Settings)}
    head = _HEAD.substitute(
        exports=defaults["exports"],
        exports_of_user=defaults["exports_of_user"],
        export_time=f"{defaults['export_time'].total_seconds():g}",
        export_patience=f"{defaults['export_patience'].total_seconds():g}",
        report=reports.PERFORMANCE,
        report_needs=reports.NEEDS[reports.PERFORMANCE],
    )
    tables = {**{path: table for path, (table, _, _) in FILES.items()}, TAX: tax.TABLE}
    return head + "".join(f"{line}\n" for path, table in tables.items() for line in _table(path, table))


def _table(path: str, table: Table) -> Iterator[str]:
    yield f"\n## {path}\n"
    yield f"{table.meaning} Needs *{NEEDS[path]}*.\n"
    yield "| column | holds | what |"
    yield "|---|---|---|"
    for column in table.columns:
        kind = Kind.AMOUNT.value if column.kind is Kind.AMOUNTS else column.kind.value
        yield f"| `{column.name}` | {kind} | {column.meaning} |"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE.name}: {len(page().splitlines())} lines\n")
