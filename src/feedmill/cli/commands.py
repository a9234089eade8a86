"""All commands, and what becomes of what they raise."""

from __future__ import annotations

import errno
import gc
import logging
import os
import sys
from typing import NoReturn

import click

from feedmill import __version__
from feedmill.cli import publishing, serving, sources, syncing
from feedmill.cli.terminal import config_option, safe, say
from feedmill.durable import storage_error
from feedmill.errors import FeedmillError

#: What a machine lacks, wherever that is noticed: a module that is imported late needs descriptors too.
_LACKS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@config_option
@click.version_option(__version__, prog_name="feedmill")
@click.pass_context
def feedmill(context: click.Context, config_path: str) -> None:
    """Keeps a folder of posts and the world's feeds in step.

    Exit status: 0 done, 1 problems (with --strict, found by check, or when every source failed), 2 usage or configuration, 3 storage.
    """
    context.obj = config_path


for _command in (
    publishing.publish,
    syncing.sync,
    serving.daemon,
    serving.serve,
    syncing.status,
    publishing.check,
    sources.add,
    sources.remove,
    sources.opml,
    publishing.init,
):
    feedmill.add_command(_command)

publish_alone = publishing.publish_alone


def _fail(exc: FeedmillError) -> NoReturn:
    say("feedmill: " + "\n".join(map(safe, str(exc).split("\n"))))
    sys.exit(exc.exit_status)


def run(command: click.Command) -> NoReturn:
    """Run a command on this process's arguments and end it with the exit status."""
    logging.basicConfig(level=logging.WARNING, format="feedmill: %(message)s")
    try:
        command.main(standalone_mode=False)
    except FeedmillError as exc:
        _fail(exc)
    except click.ClickException as exc:
        exc.show()
        sys.exit(exc.exit_code)
    except (click.Abort, KeyboardInterrupt):
        say("feedmill: interrupted; nothing is half-written")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as exc:
        if exc.errno not in _LACKS:
            raise
        _fail(storage_error(exc, exc.filename or "a file", doing="open"))
    gc.freeze()  # or Python looks for cycles among all that is loaded before it goes: 30 ms (measured)
    sys.exit(0)
