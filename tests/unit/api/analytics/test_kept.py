"""What is kept is told as long as it holds, and no longer; and it does not grow without end."""

from api.handlers.analytics.kept import Kept


class Asked:
    """Answers with how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    async def read(self) -> list[int]:
        self.times += 1
        return [self.times] * 9


async def test_an_answer_holds_until_its_version_changes() -> None:
    asked = Asked()
    kept = Kept()

    async def told(version: int) -> int:
        return (await kept.of("key", version, asked.read, len))[0]

    assert [await told(1), await told(1), await told(2), await told(2)] == [1, 1, 2, 2]
    assert await told(1) == 3, "of each the newest version alone is kept"
    assert kept.size == 10, "what is replaced is not kept"


async def test_what_was_not_asked_for_longest_goes_first() -> None:
    asked = Asked()
    kept = Kept(most=30)

    async def told(key: str) -> int:
        return (await kept.of(key, None, asked.read, len))[0]

    assert [await told(key) for key in "abcab"] == [1, 2, 3, 1, 2]
    assert await told("d") == 4
    assert [await told(key) for key in "abd"] == [1, 2, 4]
    assert await told("c") == 5
    assert kept.size == 30
    large = Kept(most=5)
    assert (await large.of("a", None, asked.read, len))[0] == 6
    assert large.size == 0, "what is larger than all there is room for is told and not kept"


async def test_what_failed_is_asked_again() -> None:
    kept = Kept()

    async def fails() -> list[int]:
        raise OSError("away")

    for _ in range(2):
        try:
            await kept.of("a", None, fails, len)
        except OSError:
            continue
        raise AssertionError("the error is told")
    assert kept.size == 0
