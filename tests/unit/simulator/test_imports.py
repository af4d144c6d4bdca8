"""The simulator imports nothing of the project."""

import ast
import sys
from pathlib import Path

import simulator

LIBRARIES = {"aiohttp", "numpy", "orjson", "starlette", "uvicorn"}


def test_only_libraries_and_itself_are_imported() -> None:
    imported = set()
    for file in Path(simulator.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, file
                imported.add(node.module or "")
    roots = {name.split(".")[0] for name in imported}
    assert roots - sys.stdlib_module_names == LIBRARIES | {"simulator"}
