"""Fixture: the whole product - the call path of `platform` with the worker and the web process on its database."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest

from carillon.config import CHECKOUT
from tests.support.platform import Platform


@dataclass(frozen=True)
class Api:
    """A script that talks to /api/v1/ with nothing but a bearer token."""

    port: int
    token: str

    def get(self, path: str, **parameters: object) -> Any:
        """GET; the decoded body."""
        return self._ask("GET", f"{path}?{urlencode(parameters)}" if parameters else path)

    def rows(self, path: str, **parameters: object) -> list[dict[str, Any]]:
        """The first page of a list."""
        found: list[dict[str, Any]] = self.get(path, **parameters)["results"]
        return found

    def post(self, path: str, **body: object) -> Any:
        """POST as JSON; the decoded body."""
        return self._ask("POST", path, json.dumps(body).encode(), "application/json")

    def upload(self, path: str, name: str, text: str) -> Any:
        """POST a CSV file as the field `name` of a form; the decoded body."""
        edge = uuid4().hex
        head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.csv"\r\n'
        body = f"{head}Content-Type: text/csv\r\n\r\n{text}\r\n--{edge}--\r\n"
        return self._ask("POST", path, body.encode(), f"multipart/form-data; boundary={edge}")

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> Any:
        headers = {"Host": f"portal.localhost:{self.port}", "Authorization": f"Bearer {self.token}"}
        if kind:
            headers["Content-Type"] = kind
        request = Request(f"http://127.0.0.1:{self.port}/api/v1{path}", body, headers, method=method)
        try:
            with urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
                return json.load(answer)
        except HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None


@dataclass(frozen=True)
class Whole:
    """Everything that `./carillon up` starts, for this session."""

    platform: Platform
    environ: Mapping[str, str]

    @property
    def origin(self) -> str:
        """Where browsers find the portal."""
        return f"http://portal.localhost:{self.platform.config.ports.web}"

    def api(self, email: str) -> Api:
        """The API with a token that `./carillon token` made for that person."""
        return Api(self.platform.config.ports.web, self.command("token", "--user", email).strip())

    def command(self, *arguments: str) -> str:
        """What `./carillon ...` prints."""
        line = [sys.executable, "-m", "carillon", *arguments]
        done = subprocess.run(line, env=self.environ, capture_output=True, text=True, check=False, cwd=CHECKOUT)
        assert done.returncode == 0, f"{arguments[0]} failed:\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def whole(platform: Platform) -> Iterator[Whole]:
    """The whole product; worker and web end with the module, other modules rate calls in their own way."""
    found = Whole(platform, platform.environ)
    found.command("manage", "collectstatic", "--noinput", "--verbosity", "0", "--skip-checks")
    for name in ("worker", "web"):
        platform.start(name)
    yield found
    for name in ("web", "worker"):
        platform.stop(name)
