from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from feedmill.consumer.hosts import HeldHostError, HostGate
from fetching import START, Clock


def make_gate(clock: Clock, **over: object) -> HostGate:
    settings = {"per_host": 1, "spacing": timedelta(seconds=10), "chance": lambda: 0.0, **over}
    return HostGate(**settings, now=clock.now, sleep=clock.sleep, monotonic=clock.monotonic)  # type: ignore[arg-type]


def starts(gate: HostGate, clock: Clock, hosts: list[str], *, takes: float = 0) -> list[tuple[str, float]]:
    """When each of `hosts`, all at the gate at once, got its turn."""
    seen: list[tuple[str, float]] = []

    async def visit(host: str) -> None:
        async with gate.turn(host):
            seen.append((host, clock.seconds))
            if takes:
                await clock.sleep(takes)

    async def main() -> None:
        await asyncio.gather(*(visit(host) for host in hosts))

    asyncio.run(main())
    return seen


def test_line_21_starts_on_one_host_keep_their_distance() -> None:
    clock = Clock()
    assert starts(make_gate(clock), clock, ["a.example"] * 4) == [("a.example", 0), ("a.example", 10), ("a.example", 20), ("a.example", 30)]


def test_line_21_a_request_that_takes_longer_than_the_spacing_keeps_the_next_one_waiting() -> None:
    clock = Clock()
    assert [at for _, at in starts(make_gate(clock), clock, ["a.example"] * 3, takes=25)] == [0, 25, 50]


@pytest.mark.parametrize("per_host", [1, 2, 3])
def test_line_21_no_more_than_per_host_are_under_way_at_once(per_host: int) -> None:
    under_way = most = 0

    async def main() -> None:
        gate = HostGate(per_host=per_host, spacing=timedelta(0))

        async def visit() -> None:
            nonlocal under_way, most
            async with gate.turn("a.example"):
                under_way += 1
                most = max(most, under_way)
                await asyncio.sleep(0.01)
                under_way -= 1

        await asyncio.gather(*(visit() for _ in range(9)))

    asyncio.run(main())
    assert most == per_host


def test_starts_keep_their_distance_where_several_run_at_once_too() -> None:
    clock = Clock()
    assert [at for _, at in starts(make_gate(clock, per_host=3), clock, ["a.example"] * 3)] == [0, 10, 20]


def test_hosts_do_not_wait_for_each_other() -> None:
    clock = Clock()
    assert starts(make_gate(clock), clock, ["a.example", "b.example", "c.example"]) == [
        ("a.example", 0),
        ("b.example", 0),
        ("c.example", 0),
    ]


def test_one_host_has_one_name_whatever_its_case_and_final_dot() -> None:
    clock = Clock()
    assert [at for _, at in starts(make_gate(clock), clock, ["A.example", "a.EXAMPLE."])] == [0, 10]


def test_line_22_chance_adds_up_to_half_of_the_spacing() -> None:
    clock = Clock()
    chances = iter([0.0, 1.0, 0.5, 0.0])
    gate = make_gate(clock, chance=lambda: next(chances))
    assert [at for _, at in starts(gate, clock, ["a.example"] * 4)] == [0, 10, 25, 37.5]


def test_a_held_host_lets_nobody_through_until_its_time() -> None:
    clock = Clock()
    gate = make_gate(clock)
    gate.hold("A.example.", START + timedelta(seconds=60))
    assert gate.held("a.example") == START + timedelta(seconds=60)
    with pytest.raises(HeldHostError) as caught:
        starts(gate, clock, ["a.example"])
    assert caught.value.until == START + timedelta(seconds=60)
    assert starts(gate, clock, ["b.example"]) == [("b.example", 0)]
    clock.seconds = 60
    assert gate.held("a.example") is None
    assert starts(gate, clock, ["a.example"]) == [("a.example", 60)]


def test_a_host_held_while_others_wait_lets_none_of_them_through() -> None:
    clock = Clock()
    gate = make_gate(clock)
    results: list[object] = []

    async def first() -> None:
        async with gate.turn("a.example"):
            await asyncio.sleep(0)
            gate.hold("a.example", START + timedelta(hours=1))

    async def waiter() -> None:
        async with gate.turn("a.example"):
            results.append("came through")

    async def main() -> None:
        results.extend(await asyncio.gather(first(), waiter(), waiter(), return_exceptions=True))

    asyncio.run(main())
    assert [type(result) for result in results] == [type(None), HeldHostError, HeldHostError]


def test_a_shorter_hold_does_not_undo_a_longer_one() -> None:
    gate = make_gate(Clock())
    gate.hold("a.example", START + timedelta(hours=2))
    gate.hold("a.example", START + timedelta(hours=1))
    assert gate.held("a.example") == START + timedelta(hours=2)


def test_whoever_waits_for_a_host_takes_no_place_from_the_others() -> None:
    async def main() -> list[str]:
        clock = Clock()
        gate = HostGate(per_host=1, spacing=timedelta(seconds=10), now=clock.now, monotonic=clock.monotonic)
        slots = asyncio.Semaphore(1)
        order: list[str] = []

        async def visit(host: str) -> None:
            async with gate.turn(host, within=slots):
                order.append(host)

        await visit("a.example")
        waiting = asyncio.create_task(visit("a.example"))  # for ten real seconds
        await asyncio.sleep(0.01)
        await asyncio.wait_for(visit("b.example"), timeout=1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert not slots.locked()
        await asyncio.wait_for(visit("c.example"), timeout=1)
        return order

    assert asyncio.run(main()) == ["a.example", "b.example", "c.example"]


def test_a_host_held_while_somebody_waits_for_a_slot_lets_nobody_through() -> None:
    async def main() -> None:
        gate = HostGate(per_host=1, spacing=timedelta(0), now=lambda: START)
        slots = asyncio.Semaphore(0)

        async def visit() -> None:
            async with gate.turn("a.example", within=slots):
                raise AssertionError("it came through")

        waiting = asyncio.create_task(visit())
        await asyncio.sleep(0.01)
        gate.hold("a.example", START + timedelta(hours=1))
        slots.release()
        with pytest.raises(HeldHostError):
            await waiting
        assert not slots.locked()

    asyncio.run(main())


def test_an_error_in_a_turn_ends_it() -> None:
    async def main() -> None:
        gate = HostGate(per_host=1, spacing=timedelta(0))
        slots = asyncio.Semaphore(1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                async with gate.turn("a.example", within=slots):
                    raise ZeroDivisionError
        async with gate.turn("a.example", within=slots):
            pass

    asyncio.run(main())
