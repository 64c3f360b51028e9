# SPDX-License-Identifier: Apache-2.0
"""A real browser without a window, driven over Chromium's debugging pipe.

::

    test ── fd 3 ──► {"id": 1, "method": "Page.navigate", ..}, NUL ──► chromium --headless
         ◄─ fd 4 ──  {"id": 1, "result": ..}, NUL, {"method": "Log.entryAdded", ..}, NUL

It is ``$FLIGHTLLM_BROWSER``, or the first of ``NAMES`` on the path.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

__all__ = ["Browser", "find_browser"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Nothing but the page: no first run, no updates, no network of its own.
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--disable-extensions", "--hide-scrollbars",
    "--remote-debugging-pipe")

# The pipe's ends get the numbers that the browser looks at.
LAUNCH = ("import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4);"
          " os.execv(sys.argv[3], sys.argv[3:])")

PATIENCE = 120


def find_browser():
    """Its path; None where there is none."""
    given = os.environ.get("FLIGHTLLM_BROWSER")
    if given:
        found = shutil.which(given)
        assert found, f"FLIGHTLLM_BROWSER is no program: {given!r}"
        return found
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """A browser with one page, while the context lasts.

    Attributes
    ----------
    complaints : list of str
        What the console and the browser said against the pages since :meth:`open`.
    requests : list of str
        Addresses that they asked for.
    """

    def __init__(self, path):
        self._path, self._next, self._buffer = path, 0, b""
        self._session, self._loaded = None, False
        self.complaints, self.requests = [], []

    def __enter__(self):
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        reads, self._writes = os.pipe()
        self._reads, writes = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(reads), str(writes), self._path, *OPTIONS,
             f"--user-data-dir={self._profile.name}"],
            pass_fds=(reads, writes), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(reads)
        os.close(writes)
        try:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.call("Target.attachToTarget", targetId=target,
                                      flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        os.close(self._writes)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._reads)
        self._profile.cleanup()

    def call(self, method, **params):
        """Ask the browser; events that come meanwhile are taken note of."""
        self._next += 1
        message = {"id": self._next, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        while True:
            told = self._receive()
            if told.get("id") == self._next:
                assert "error" not in told, f"{method}: {told['error']}"
                return told["result"]

    def open(self, path, *, width, height=900, dark=False, media="screen"):
        """Show a file, and wait until it is loaded."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", media=media, features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.complaints, self.requests, self._loaded = [], [], False
        told = self.call("Page.navigate", url=path.resolve().as_uri())
        assert "errorText" not in told, told["errorText"]
        while not self._loaded:
            self._receive()

    def evaluate(self, expression):
        """The value of a JavaScript expression in the page."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def screenshot(self, path, *, clip=None):
        """The whole page, or a part (x, y, width, height) of it, as a PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        x, y, width, height = clip or (0, 0, size["width"], size["height"])
        told = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip={
            "x": x, "y": y, "width": width, "height": height, "scale": 1})
        path.write_bytes(base64.b64decode(told["data"]))

    def _receive(self):
        """The next message."""
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            left = max(0, end - time.monotonic())
            assert select.select([self._reads], [], [], left)[0], "the browser says nothing"
            piece = os.read(self._reads, 1 << 16)
            assert piece, "the browser has gone"
            self._buffer += piece
        text, self._buffer = self._buffer.split(b"\0", 1)
        told = json.loads(text)
        self._note(told.get("method"), told.get("params", {}))
        return told

    def _note(self, method, params):
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.complaints.append(str(params["args"]))
