"""Work is done once for all who ask at once, and nobody can stop it for the others."""

from __future__ import annotations

import asyncio

import pytest

from feedmill.service.singleflight import SingleFlight


class Work:
    """Counts how often it is done."""

    def __init__(self, *, error: Exception | None = None) -> None:
        self.done, self.error = 0, error

    async def __call__(self) -> int:
        await asyncio.sleep(0.01)
        self.done += 1
        if self.error is not None:
            raise self.error
        return self.done


def test_all_who_ask_at_once_get_the_same() -> None:
    async def run() -> list[int]:
        flights: SingleFlight[str, int] = SingleFlight()
        together = await asyncio.gather(*(flights.run("a", work) for _ in range(100)), flights.run("b", other))
        return [*together, await flights.run("a", work)]

    work, other = Work(), Work()
    assert asyncio.run(run()) == [1] * 101 + [2]
    assert other.done == 1


def test_all_get_the_same_error_and_the_next_one_tries_again() -> None:
    async def run() -> None:
        flights: SingleFlight[str, int] = SingleFlight()
        results = await asyncio.gather(*(flights.run("a", work) for _ in range(3)), return_exceptions=True)
        assert results == [work.error] * 3
        with pytest.raises(OSError, match="no disk"):
            await flights.run("a", work)

    work = Work(error=OSError("no disk"))
    asyncio.run(run())
    assert work.done == 2


@pytest.mark.parametrize("error", [None, OSError("no disk")])
def test_who_gives_up_does_not_stop_the_work(error: Exception | None) -> None:
    async def run() -> None:
        flights: SingleFlight[str, int] = SingleFlight()
        first = asyncio.ensure_future(flights.run("a", work))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(flights.run("a", work))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        if error is None:
            assert await second == 1
            return
        second.cancel()
        while not work.done:  # and nobody minds the error of what nobody waits for
            await asyncio.sleep(0.005)

    work = Work(error=error)
    asyncio.run(run())
    assert work.done == 1
