"""``python -m simulator``: Cryptohopper, exchanges and market-data services, played on one local port."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from simulator import scenario
from simulator.main import main
from simulator.settings import PREFIX, SAYS, Settings, environment, read

_EPILOG = f"""Each setting is also a variable, {PREFIX}PORT and so on; {PREFIX}SCENARIO names the scenario.
An option comes before a variable, a variable before the scenario. docs/simulator.md tells the rest."""


def run(arguments: Sequence[str]) -> int:
    """Serve as the arguments, the environment and a scenario say; the exit code (2: they make no sense)."""
    shown = sys.argv[0] if sys.argv[0].endswith("simulate") else "python -m simulator"
    parser = argparse.ArgumentParser(shown, description=__doc__, epilog=_EPILOG)
    parser.add_argument("--scenario", type=Path, metavar="FILE", help="JSON: world, faults, effects, clients, settings")
    parser.add_argument("--quiet", action="store_true", help="do not tell address and users")
    defaults = Settings()
    for name, says in SAYS.items():
        default = getattr(defaults, name)
        usual = ",".join(default) if isinstance(default, tuple) else str(default)
        text = f"{says} ({usual})" if usual else says
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="VALUE", help=text.replace("%", "%%"))
    asked = vars(parser.parse_args(arguments))
    variables = environment()
    try:
        named = variables.get(PREFIX + "SCENARIO")
        file = asked["scenario"] or (Path(named) if named else None)
        chosen = scenario.read(file) if file else scenario.Scenario()
        options = {PREFIX + name.upper(): asked[name] for name in SAYS if asked[name] is not None}
        for name in SAYS:
            if asked[name] is not None:
                _checked(name, asked[name])
        settings = Settings.of({**variables, **options}, chosen.settings)
        main(settings, chosen, is_told=not asked["quiet"])
    except ValueError as error:
        print(f"{shown}: {error}", file=sys.stderr)
        return 2
    return 0


def _checked(name: str, text: str) -> None:
    try:
        read(name, text)
    except ValueError as error:
        raise ValueError(f"--{name.replace('_', '-')}: {error}") from None


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
