"""TLS variables that point nowhere: an error of ours that names them, never a traceback."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import certifi
import httpx
import pytest

from asking import both_verbs
from edge_router.backends.deadline import Deadline
from edge_router.backends.http.certificates import trusting_context
from edge_router.backends.openai.backend import OpenAIBackend
from edge_router.errors import BackendUnavailable
from fault_server import FaultServer

VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


@pytest.fixture(autouse=True)
def _no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def _made(folder: Path, what: str) -> str:
    """A path of that kind; only the good ones work."""
    path = folder / what
    if what == "empty file":
        path.touch()
    elif what == "no certificate":
        path.write_text("hello")
    elif what == "good file":
        shutil.copy(certifi.where(), path)
    elif what == "fifo":
        os.mkfifo(path)
    elif what in ("folder", "good folder"):
        path.mkdir()
        (path / ("0a1b2c3d.0" if what == "good folder" else "ca.pem")).write_text("")
    return "/dev/zero" if what == "endless" else str(path)


@both_verbs
@pytest.mark.parametrize(
    ("variable", "what"),
    [
        *(
            ("SSL_CERT_FILE", what)
            for what in ("missing", "empty file", "no certificate", "folder")
        ),
        *(("SSL_CERT_DIR", what) for what in ("missing", "folder", "empty file")),
        ("SSLKEYLOGFILE", "folder"),
        ("SSLKEYLOGFILE", "missing/deep"),
    ],
)
def test_a_variable_that_leads_nowhere_is_named(
    verb: object, variable: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another expert may step in, and the user learns what to mend."""
    monkeypatch.setenv(variable, _made(tmp_path, what))
    with FaultServer(lambda peer: peer.pause()) as server:
        backend = OpenAIBackend("tiny", base_url=server.url.replace("http:", "https:"))
        with pytest.raises(BackendUnavailable, match=rf"\${variable} names"):
            verb(backend, Deadline.after(10))  # type: ignore[operator]
        backend.close()
        assert server.connections == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
@pytest.mark.parametrize("what", ["fifo", "endless"])
def test_a_file_that_never_ends_is_not_read(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe would hang, /dev/zero fill the memory."""
    monkeypatch.setenv("SSL_CERT_FILE", _made(tmp_path, what))
    with pytest.raises(httpx.ConnectError, match="SSL_CERT_FILE"):
        trusting_context()


@pytest.mark.parametrize(
    ("variable", "what"), [("SSL_CERT_FILE", "good file"), ("SSL_CERT_DIR", "good folder")]
)
def test_a_variable_that_leads_somewhere_is_obeyed(
    variable: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As is one that is empty, and a list of folders of which one is there."""
    path = _made(tmp_path, what)
    monkeypatch.setenv(variable, path)
    assert trusting_context().verify_mode
    monkeypatch.setenv(variable, "")
    assert trusting_context().get_ca_certs()
    if variable == "SSL_CERT_DIR":
        monkeypatch.setenv(variable, os.pathsep.join(["/nowhere", path]))
        assert trusting_context().verify_mode


@both_verbs
def test_a_variable_that_is_mended_works_at_the_next_question(
    verb: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the failure is kept."""
    monkeypatch.setenv("SSL_CERT_FILE", _made(tmp_path, "missing"))
    with FaultServer(lambda _: None) as server:
        backend = OpenAIBackend("tiny", base_url=server.url.replace("http:", "https:"))
        with pytest.raises(BackendUnavailable, match="SSL_CERT_FILE"):
            verb(backend, Deadline.after(10))  # type: ignore[operator]
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(BackendUnavailable) as caught:
            verb(backend, Deadline.after(10))  # type: ignore[operator]
        assert "SSL_CERT_FILE" not in str(caught.value)
        backend.close()
        assert server.connections == 1
