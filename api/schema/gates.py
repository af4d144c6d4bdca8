"""What stands around the parsing and the validation of operations, entered without strawberry's generic hooks.

Those look at each extension anew for each of five stages of each operation, and enter it through two context managers:
a tenth of what a small operation costs.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import nullcontext
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

    def parsing(self) -> Any:
        return _Parsing(self._gates)

    def validation(self) -> Any:
        return _Validation(self._gates)

    def executing(self) -> Any:
        return nullcontext()

    async def get_extensions_results(self, ctx: ExecutionContext) -> dict[str, Any]:
        return {}

    @property
    def _gates(self) -> Sequence[Gate]:
        return [one for one in self.extensions if isinstance(one, Gate)]


class _Parsing:
    def __init__(self, gates: Sequence[Gate]) -> None:
        self._gates = gates

    async def __aenter__(self) -> None:
        for gate in self._gates:
            gate.parse()

    async def __aexit__(self, *_: object) -> None:
        pass


class _Validation:
    def __init__(self, gates: Sequence[Gate]) -> None:
        self._gates = gates

    async def __aenter__(self) -> None:
        for gate in self._gates:
            await gate.check()

    async def __aexit__(self, *_: object) -> None:
        pass
