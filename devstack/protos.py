"""`make protos`: generated/ from protos/, with imports as this repository lays them out; `--check` only compares."""

import filecmp
import re
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from grpc_tools import protoc

from devstack import place

_IMPORT = re.compile(r"^(from|import) wire\.v1", re.MULTILINE)


def generate(into: Path) -> None:
    """Write the modules and their types; services only for the gateway."""
    root = place.root() / "protos"
    include = Path(protoc.__file__).parent / "_proto"
    protos = sorted(map(str, (root / "wire" / "v1").glob("*.proto")))
    scripts = Path(sysconfig.get_path("scripts"))  # not on PATH unless the environment is activated
    plugins = [f"--plugin={name}={scripts / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    common = ["protoc", f"-I{root}", f"-I{include}", *plugins]
    for arguments in (
        [f"--python_out={into}", f"--mypy_out=quiet:{into}", *protos],
        [f"--grpc_python_out={into}", f"--mypy_grpc_out=quiet:{into}", str(root / "wire" / "v1" / "gateway.proto")],
    ):
        if protoc.main([*common, *arguments]):
            raise SystemExit("protoc failed; it says above why")
    for folder in (into, into / "wire", into / "wire" / "v1"):
        (folder / "__init__.py").touch()
    for path in (into / "wire" / "v1").glob("*.py*"):
        path.write_text(_IMPORT.sub(r"\1 generated.wire.v1", path.read_text()))


def main() -> int:
    """0 when generated/ is what protoc makes of protos/."""
    committed = place.root() / "generated"
    with tempfile.TemporaryDirectory() as name:
        fresh = Path(name)
        generate(fresh)
        there = {str(p.relative_to(committed)) for p in committed.rglob("*.py*") if "__pycache__" not in p.parts}
        made = {str(path.relative_to(fresh)) for path in fresh.rglob("*.py*")}
        differs = sorted(
            path
            for path in there | made
            if path not in there & made or not filecmp.cmp(committed / path, fresh / path, False)
        )
        if "--check" in sys.argv:
            for path in differs:
                print(f"generated/{path} is not what protoc makes of protos/; run `make protos`")
            return 1 if differs else 0
        for path in made:
            (committed / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(fresh / path, committed / path)
        for path in there - made:
            (committed / path).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
