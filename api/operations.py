"""A list of the only operations that a server executes: ``python -m api.operations web/src/app > known.json``."""

import json
import sys
from pathlib import Path

from api.handlers.persisted import manifest_of


def main(arguments: list[str]) -> int:
    """Print the operations of the ``*.graphql`` files in a folder, by their hash."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        sys.stderr.write("python -m api.operations FOLDER\n")
        return 2
    json.dump(manifest_of(Path(arguments[0])), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
