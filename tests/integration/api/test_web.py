"""The built app is served as a single page, safely, and told where everything is."""

from dataclasses import replace
from pathlib import Path

from tests.integration.api.conftest import EMAIL, PASSWORD, World, running

PAGE = {"Accept": "text/html,*/*"}


async def test_config_tells_the_app_where_everything_is(world: World) -> None:
    async with world.http.get(f"{world.base}/config.json") as response:
        assert await response.json() == {
            "graphql": "/graphql",
            "udf": "/udf",
            "stream": "/stream",
            "chartingLibraryPath": None,
            "demo": {"email": EMAIL, "password": PASSWORD},
        }


async def test_navigations_get_the_page_and_missing_files_do_not(world: World) -> None:
    for path in ("/", "/hoppers/1", "/index.html"):
        async with world.http.get(f"{world.base}{path}", headers=PAGE) as response:
            assert (response.status, response.headers["cache-control"]) == (200, "no-cache")
            assert "<title>app</title>" in await response.text()
    for path, headers in (("/missing-ABCDEF12.js", {"Accept": "*/*"}), ("/hoppers/1", {"Accept": "application/json"})):
        async with world.http.get(f"{world.base}{path}", headers=headers) as response:
            assert response.status == 404
    async with world.http.post(f"{world.base}/hoppers/1", headers=PAGE) as response:
        assert response.status == 405


async def test_only_files_named_after_their_content_are_kept_for_ever(world: World) -> None:
    async with world.http.get(f"{world.base}/main-ZPTY6KHE.js") as response:
        assert "immutable" in response.headers["cache-control"]
    async with world.http.get(f"{world.base}/icon.svg") as response:
        assert response.headers["cache-control"] == "no-cache"


async def test_every_answer_carries_the_security_headers(world: World) -> None:
    for path in ("/", "/config.json", "/graphql?query={me{id}}", "/missing.js"):
        async with world.http.get(f"{world.base}{path}") as response:
            assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["referrer-policy"]


async def test_nothing_outside_the_folder_is_served(world: World) -> None:
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "//etc/passwd", "/%00"):
        async with world.http.get(f"{world.base}{path}", allow_redirects=False) as response:
            assert response.status in (400, 404)


async def test_without_a_built_app_a_page_says_how_to_build_it(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    settings = replace(world.settings, app_folder=folder)
    async with running(settings) as (base, _):
        async with world.http.get(f"{base}/", headers=PAGE) as response:
            assert response.status == 503
            assert "npm run build" in await response.text()
        folder.mkdir()
        (folder / "index.html").write_text("built")
        async with world.http.get(f"{base}/", headers=PAGE) as response:
            assert await response.text() == "built"


async def test_the_playground_is_a_setting_and_runs_under_the_content_policy(world: World) -> None:
    async with world.http.get(f"{world.base}/graphql", headers=PAGE) as response:
        assert response.status == 400
    async with running(replace(world.settings, has_playground=True)) as (base, _):
        async with world.http.get(f"{base}/graphql", headers=PAGE) as response:
            text = await response.text()
            assert response.status == 200
            assert "script-src 'self'" in response.headers["content-security-policy"]
            assert text.count("<script") == text.count('<script src="/playground.js">') == 1
        async with world.http.get(f"{base}/playground.js") as response:
            assert response.content_type == "text/javascript"
        async with world.http.get(f"{base}/graphql?query={{__typename}}", headers=PAGE) as response:
            assert await response.json() == {"data": {"__typename": "Query"}}
