"""What Cryptohopper does wrong in the middle of an import is waited out, told, or ends it with words how to go on."""

import json
from datetime import timedelta

from cryptwire.domain.imports import ImportState
from cryptwire.storage.imports import Imports
from tests.integration.imports.conftest import Scene
from tests.integration.imports.test_import import DONE


async def test_limits_and_failures_that_pass_are_waited_out(scene: Scene) -> None:
    user = await scene.linked("bob")
    await scene.simulated.control(
        "POST",
        "faults",
        [
            {"fault": "429", "path": "/config", "times": 1, "retry_after": "1"},
            {"fault": "502", "path": "/position", "times": 2},
            {"fault": "502", "path": "/trade", "times": 5},
            {"fault": "reset", "path": "/order", "times": 2},
        ],
    )
    await Imports(scene.owner).ask(user)
    scene.replicas.start()
    await scene.until(DONE, user, is_what="done", seconds=60)
    left = await scene.simulated.control("GET", "faults")
    assert left == []
    progress = await Imports(scene.owner).progress(user)
    assert progress is not None
    assert progress.problems == ()
    assert await scene.owner.value("SELECT count(*) FROM import_hoppers WHERE traded_at IS NOT NULL") == 2


async def test_a_link_that_is_revoked_in_the_middle_stops_it_with_words_and_linking_again_goes_on(scene: Scene) -> None:
    user = await scene.linked("carol")
    await scene.simulated.control("POST", "faults", [{"fault": "slow", "path": "/trade", "times": 50, "seconds": 1.0}])
    await Imports(scene.owner).ask(user)
    scene.replicas.start()
    await scene.until("SELECT stage FROM imports WHERE user_id = $1::text::uuid", user, is_what="trades", seconds=40)
    await scene.simulated.control("POST", "users/carol/revoke")
    await scene.simulated.control("DELETE", "faults")
    await scene.until(DONE, user, is_what="failed", seconds=40)
    progress = await Imports(scene.owner).progress(user)
    assert progress is not None
    assert "link the account again" in progress.problems[0].message
    notice = await scene.owner.row("SELECT class, kind, facts FROM notices")
    assert notice is not None
    assert (notice["class"], notice["kind"]) == ("failure", "import-failed")
    assert "link the account again" in json.loads(notice["facts"])["reason"]
    read = await scene.owner.value("SELECT max(read_at) FROM hopper_configs")

    await scene.link(user, "carol")
    assert await Imports(scene.owner).ask(user)
    await scene.until(DONE, user, is_what="done", seconds=40)
    again = await Imports(scene.owner).progress(user)
    assert again is not None
    assert (again.state, again.number, again.problems) == (ImportState.DONE, progress.number + 1, ())
    assert await scene.owner.value("SELECT max(read_at) FROM hopper_configs") > read
    assert await scene.owner.value("SELECT count(*) FROM notices") == 2


async def test_a_hopper_that_cannot_be_read_is_named_and_stops_no_other(scene: Scene) -> None:
    user = await scene.linked("bob")
    await scene.simulated.control(
        "POST", "faults", [{"fault": "403", "path": "/config", "hopper": "1042005", "times": 1000}]
    )
    await Imports(scene.owner).ask(user)
    scene.replicas.start()
    await scene.until(DONE, user, is_what="done", seconds=60)
    progress = await Imports(scene.owner, timedelta(seconds=1)).progress(user)
    assert progress is not None
    (problem,) = progress.problems
    assert problem.hopper == "1042005"
    assert "allow everything" in problem.message
    assert await scene.owner.value("SELECT count(*) FROM trades WHERE hopper_id = '1042006'") > 0
    facts = json.loads(await scene.owner.value("SELECT facts FROM notices"))
    assert (facts["hoppers"], facts["problems"]) == ("1", "1")
