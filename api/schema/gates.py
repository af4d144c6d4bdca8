"""What stands around the parsing and the validation of operations, entered without strawberry's generic hooks.

Those look at each extension anew for each of five stages of each operation, and enter it through two context managers:
a tenth of what a small operation costs.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from strawberry.extensions import SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.types import ExecutionContext


class Gate(SchemaExtension):
    """An extension that does something before parsing, or before validation, and nothing else."""

    def parse(self) -> None:
        """May set the operation's document."""

    async def check(self) -> None:
        """May set errors, which end the operation."""

    def on_parse(self) -> Iterator[None]:
        self.parse()
        yield

    async def on_validate(self) -> AsyncIterator[None]:
        await self.check()
        yield


class GatesRunner(SchemaExtensionsRunner):
    """Of a schema whose extensions are gates."""

    def operation(self) -> Any:
        return nullcontext()

    @asynccontextmanager
    async def parsing(self) -> AsyncIterator[None]:  # type: ignore[override]
        for gate in self._gates:
            gate.parse()
        yield

    @asynccontextmanager
    async def validation(self) -> AsyncIterator[None]:  # type: ignore[override]
        for gate in self._gates:
            await gate.check()
        yield

    def executing(self) -> Any:
        return nullcontext()

    async def get_extensions_results(self, ctx: ExecutionContext) -> dict[str, Any]:
        return {}

    @property
    def _gates(self) -> list[Gate]:
        return [one for one in self.extensions if isinstance(one, Gate)]
