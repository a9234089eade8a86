"""A headless Chromium, driven over the DevTools protocol: pages are opened, looked at, and walked with the keyboard."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-features=Translate,MediaRouter,OptimizationHints,DialMediaRouteProvider",
    "--disable-sync",
    "--hide-scrollbars",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-port=0",
)
#: Seconds: for Chromium to start, for a page to load, for one answer of the protocol.
PATIENCE = 30
#: Any picture off the origin is this one: no test asks the network for anything.
PICTURE = b"""<svg xmlns="http://www.w3.org/2000/svg" width="960" height="540"><rect width="100%" height="100%" fill="#7d8fa3"/></svg>"""
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}


def program() -> str | None:
    """Return where a Chromium is installed."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run one with its profile in `folder`; give the address of its debugger. It is gone at the end, and so are its children."""
    found = program()
    assert found is not None
    profile = folder / "profile"
    process = subprocess.Popen(
        [found, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)},
        start_new_session=True,
    )
    try:
        yield _debugger(profile / "DevToolsActivePort", process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _debugger(port_file: Path, process: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(FileNotFoundError, ValueError):
            port, path = port_file.read_text().split()
            return f"ws://127.0.0.1:{port}{path}"
        time.sleep(0.02)
    raise RuntimeError(f"Chromium did not start (status {process.poll()})")


class Tab:
    """One page in a profile of its own. What the console says and what is asked of the network is noted."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._numbers = socket, itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session = ""
        self._loaded = asyncio.Event()
        #: Chores begun by an event, held so that they are not collected.
        self._chores: set[asyncio.Task[Any]] = set()
        self.complaints: list[str] = []
        #: (address, kind) of every request, kinds as the protocol names them: "Document", "Image", "Stylesheet", …
        self.requests: list[tuple[str, str]] = []

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return what it answers."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": self._session} if self._session else {})
        await self._socket.send_json(message)
        return await asyncio.wait_for(answer, PATIENCE)

    async def listen(self) -> None:
        """Read what Chromium says until it hangs up."""
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                answer = self._answers.pop(said["id"])
                if not answer.done():
                    if "error" in said:
                        answer.set_exception(RuntimeError(str(said["error"])))
                    else:
                        answer.set_result(said["result"])
            else:
                self._hear(said["method"], said["params"])

    def _hear(self, method: str, said: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
            self.complaints.append(f"{said['type']}: {said['args']}")
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(f"exception: {said['exceptionDetails']}")
        elif method == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{said['entry']['level']}: {said['entry']['text']} {said['entry'].get('url', '')}")
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"dialog: {said['message']}")
            self._begin("Page.handleJavaScriptDialog", accept=False)
        elif method == "Fetch.requestPaused":
            self.requests.append((said["request"]["url"], said["resourceType"]))
            self._pass_on(said)

    def _pass_on(self, said: dict[str, Any]) -> None:
        is_ours = said["request"]["url"].startswith("http://127.0.0.1:")
        if is_ours or not said["request"]["url"].startswith("http"):
            self._begin("Fetch.continueRequest", requestId=said["requestId"])
        elif said["resourceType"] == "Image":
            header = [{"name": "Content-Type", "value": "image/svg+xml"}]
            body = base64.b64encode(PICTURE).decode()
            self._begin("Fetch.fulfillRequest", requestId=said["requestId"], responseCode=200, responseHeaders=header, body=body)
        else:
            self._begin("Fetch.failRequest", requestId=said["requestId"], errorReason="BlockedByClient")

    def _begin(self, method: str, **parameters: Any) -> None:
        chore = asyncio.ensure_future(self.send(method, **parameters))
        self._chores.add(chore)
        chore.add_done_callback(self._finish)

    def _finish(self, chore: asyncio.Task[Any]) -> None:
        """A request that went away meanwhile cannot be passed on, and need not be."""
        self._chores.discard(chore)
        if not chore.cancelled():
            chore.exception()

    async def prepare(self) -> None:
        """Open the page's session and ask to be told of everything."""
        context = (await self.send("Target.createBrowserContext", disposeOnDetach=True))["browserContextId"]
        for name in ("clipboard-read", "clipboard-write"):
            await self.send("Browser.setPermission", permission={"name": name}, setting="granted", browserContextId=context)
        target = (await self.send("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
        self._session = (await self.send("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self.send(f"{domain}.enable")
        await self.send("Fetch.enable", patterns=[{"urlPattern": "*"}])

    async def show_as(self, width: int, height: int, scheme: str) -> None:
        """Be a screen of this size, of a person who likes `scheme`: "light" or "dark"."""
        is_phone = width < 600
        await self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone)
        await self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def open(self, address: str) -> None:
        """Go to an address and wait until the page is whole."""
        self.expect_load()
        await self.send("Page.navigate", url=address)
        await self.loaded()

    def expect_load(self) -> None:
        """Say that what comes next leads to another page."""
        self._loaded.clear()

    async def loaded(self) -> None:
        """Wait until that page is whole."""
        await asyncio.wait_for(self._loaded.wait(), PATIENCE)

    async def run(self, script: str) -> Any:
        """Return what an expression gives in the page (a promise: what it comes to)."""
        done = await self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until an expression is true in the page."""
        give_up = time.monotonic() + PATIENCE
        while not await self.run(script):
            assert time.monotonic() < give_up, script
            await asyncio.sleep(0.02)

    async def press(self, key: str, *, shift: bool = False) -> None:
        """Press and let go of a key of KEYS."""
        said = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": KEYS[key], "modifiers": 8 if shift else 0}
        text = {"Enter": "\r", " ": " "}.get(key)
        await self.send("Input.dispatchKeyEvent", type="keyDown", **said, **({"text": text} if text else {}))
        await self.send("Input.dispatchKeyEvent", type="keyUp", **said)

    async def type(self, text: str) -> None:
        """Write into what has the focus."""
        await self.send("Input.insertText", text=text)

    async def picture(self, *, is_whole: bool = False) -> bytes:
        """Return the page as PNG: what is on the screen, or all of it."""
        return base64.b64decode((await self.send("Page.captureScreenshot", captureBeyondViewport=is_whole))["data"])


@contextlib.asynccontextmanager
async def tab(debugger: str) -> AsyncIterator[Tab]:
    """Give a new page of the Chromium at `debugger`."""
    async with aiohttp.ClientSession() as client, client.ws_connect(debugger, max_msg_size=0) as socket:
        page = Tab(socket)
        listening = asyncio.ensure_future(page.listen())
        try:
            await page.prepare()
            yield page
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening
