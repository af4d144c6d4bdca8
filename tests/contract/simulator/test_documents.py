"""What docs/simulator.md says is so: its commands are run, its names are the real ones."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from simulator.cryptohopper.faults.kinds import KINDS
from simulator.scenario import read
from simulator.settings import SAYS
from tests.contract.simulator.conftest import Run

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "simulator.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_its_commands_say_what_it_says(run: Run) -> None:
    async with run(history_days=3, rate_limit=30) as here:
        script = "".join(f"printf '\\n=== {number}\\n'\n{block}" for number, block in enumerate(BLOCKS))
        script = "set -eu\n" + script.replace("http://127.0.0.1:8090", here.url)
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, said.decode()
    parts = re.split(r"^=== \d+\n", said.decode(), flags=re.MULTILINE)[1:]
    assert len(parts) == len(BLOCKS) >= 9
    for block, part in zip(BLOCKS, parts, strict=True):
        expected = re.findall(r"^# → (.*)$", block, re.MULTILINE)
        assert expected, block
        for text in expected:
            assert text in part, (text, part)


def test_it_names_every_fault_and_none_that_is_not() -> None:
    table = "".join(line for line in DOCUMENT.splitlines() if re.match(r"\| `(true|broken|refusal|lying|stuck)`", line))
    named = set(re.findall(r"`([a-z0-9-]+)`", table))
    assert named - {"true", "broken", "refusal", "lying", "stuck", "seconds", "fields", "bytes"} == set(KINDS)


def test_the_settings_it_names_are_there() -> None:
    section = DOCUMENT[DOCUMENT.index("| setting |") : DOCUMENT.index("## Read")]
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", section)) | set(
        re.findall(r"`([a-z]+_(?:limit|window|orders|normal))`", DOCUMENT)
    )
    assert len(named) > 10
    assert named <= set(SAYS)


@pytest.mark.parametrize("name", re.findall(r"`([a-z-]+)` \(", DOCUMENT[DOCUMENT.index("Examples, each run") :]))
def test_the_examples_it_names_are_there(name: str) -> None:
    assert read(ROOT / "simulator" / "scenarios" / f"{name}.json").says
