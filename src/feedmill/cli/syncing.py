"""The commands about upstream feeds: sync, status."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from feedmill.cli.publishing import print_published, publish_json, run_publish, tell_hubs
from feedmill.cli.terminal import (
    Cell,
    count,
    is_terminal,
    load,
    print_json,
    print_line,
    print_table,
    progress_bar,
    relative,
    safe,
    say,
    span,
)
from feedmill.errors import FeedmillError

if TYPE_CHECKING:
    from feedmill.consumer.status import SourceStatus
    from feedmill.consumer.syncreport import SourceReport, SyncReport

#: Notes on one source that are said; the rest is counted.
_NOTES = 5
#: Of results, for terminals that have colours.
_COLOURS = {"ok": "green", "not-modified": "green", "partial": "yellow", "failed": "red", "gone": "red"}


@click.command()
@click.argument("names", nargs=-1, metavar="[SOURCE]...")
@click.option("--force", is_flag=True, help="Fetch sources that are not due yet, too; as politely as ever.")
@click.option("--no-publish", is_flag=True, help="Store posts only; leave feeds/ as it is.")
@click.option("--dry-run", is_flag=True, help="Fetch and read, say what would be stored; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def sync(config_path: str, names: tuple[str, ...], *, force: bool, no_publish: bool, dry_run: bool, as_json: bool) -> None:
    """Fetch the upstream feeds that are due, store their new entries as posts, publish what changed.

    SOURCE names a source of config.yaml; none means all. Exits with 1 when every source that was asked failed.
    """
    from feedmill.consumer.sync import Request
    from feedmill.consumer.sync import sync as run

    config = load(config_path)
    with progress_bar() as progress:
        report = run(config, Request(names, is_forced=force, is_dry=dry_run), progress=progress)
    for source in report.sources:
        _say_notes(source)
    published, failure = None, None
    if not no_publish and not dry_run:
        from feedmill.producer.publish import Request as PublishRequest

        try:
            published = run_publish(config, PublishRequest())
        except FeedmillError as exc:
            failure = exc  # what was synced is said all the same
    if as_json:
        shown = publish_json(published) if published else None
        print_json({"sources": [_source_json(source) for source in report.sources], "pruned": list(report.pruned), "published": shown})
    else:
        _print_synced(report, verb="would store" if dry_run else "stored")
        if published:
            print_published(published, verb="wrote")
    if failure:
        raise failure
    if published:
        tell_hubs(config)
    if report.is_in_vain:
        sys.exit(1)


def _say_notes(source: SourceReport) -> None:
    if source.is_asked and source.error:
        say(f"{source.name}: {source.result}: {safe(source.error)}")
    for what, why in source.notes[:_NOTES]:
        say(f"{source.name}: {safe(what)}: {safe(why)}")
    if len(source.notes) > _NOTES:
        say(f"{source.name}: and {len(source.notes) - _NOTES:,} more")


def _source_json(source: SourceReport) -> dict[str, Any]:
    shown = {
        key: getattr(source, key) for key in ("name", "url", "result", "new", "updated", "skipped", "error", "next_fetch", "next_rule")
    }
    return shown | {"notes": [{"entry": what, "reason": why} for what, why in source.notes]}


def _print_synced(report: SyncReport, *, verb: str) -> None:
    asked = [source for source in report.sources if source.is_asked]
    rows = [(source.name, source.result, source.new, source.updated, _when(source.next_fetch), source.error or "") for source in asked]
    if rows:
        print_table(("source", "result", "new", "updated", "next fetch", ""), rows)
    new, updated = (sum(getattr(source, name) for source in asked) for name in ("new", "updated"))
    resting = f", {len(report.sources) - len(asked):,} not due" if len(asked) < len(report.sources) else ""
    removed = f", removed {count(len(report.pruned), 'old post')}" if report.pruned else ""
    click.echo(f"{count(len(asked), 'source')} fetched{resting}: {verb} {count(new, 'new post')}, {updated:,} updated{removed}")


@click.command()
@click.argument("names", nargs=-1, metavar="[SOURCE]...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def status(config_path: str, names: tuple[str, ...], *, as_json: bool) -> None:
    """Say how every source is doing: its last result, when it is fetched next and why then, failures, posts."""
    from feedmill.consumer.status import overview

    now = datetime.now(UTC)
    found = overview(load(config_path), names, now=now)
    if as_json:
        sources = [asdict(one) for one in found.sources]
        print_json({"sources": sources, "posts": found.posts, "unattended_since": found.unattended_since})
        return
    if not found.sources:
        click.echo("no sources: add one with `feedmill add URL`")
        return
    header = ("source", "result", "last fetch", "next fetch", "because of", "failures", "posts", "")
    print_table(header, [_status_row(one, now) for one in found.sources])
    if found.unattended_since:
        waiting = now - datetime.fromisoformat(found.unattended_since)
        print_line(f"due since {span(waiting.total_seconds())}: is a daemon or cron job running?", "yellow")
    failing = sum(one.is_failing for one in found.sources)
    click.echo(f"{count(len(found.sources), 'source')}, {failing:,} failing, {count(found.posts, 'post')} in total")


def _status_row(one: SourceStatus, now: datetime) -> list[Cell]:
    """Colours repeat what the words say."""
    result = one.last_result or ("never fetched" if one.enabled else "disabled")
    gap, overdue = ("a gap is suspected" if one.gap_suspected else ""), ("overdue" if one.overdue else "")
    moved = f"moved to {one.moved}" if one.moved else ""
    row = [
        Cell(one.name),
        Cell(result, _COLOURS.get(result, "")),
        Cell(_when(one.last_fetch, now)),
        Cell(_when(one.next_fetch, now), "yellow" if overdue else ""),
        Cell(one.next_rule),
        Cell(one.failures, "red" if one.failures else ""),
        Cell(one.posts),
        Cell("; ".join(filter(None, (overdue, gap, moved, one.error))), "yellow" if gap or overdue else "red" if one.is_failing else ""),
    ]
    return row if one.enabled else [cell._replace(style="dim") for cell in row]


def _when(moment: str | None, now: datetime | None = None) -> str:
    """Return an RFC 3339 time in the local zone, to the minute, for a person.

    With `now` a terminal, which is narrow, shows no date of today, and how far off it is.
    """
    if moment is None:
        return ""
    time = datetime.fromisoformat(moment).astimezone()
    if now is None or not is_terminal():
        return f"{time:%Y-%m-%d %H:%M}"
    is_today = time.date() == now.astimezone().date()
    return f"{time:{'%H:%M' if is_today else '%Y-%m-%d %H:%M'}}, {relative((time - now).total_seconds())}"
