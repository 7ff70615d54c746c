"""The certificates that TLS trusts: those of the environment, else those that come with httpx."""

from __future__ import annotations

import os
import re
import ssl
import stat
from pathlib import Path

import httpx

__all__ = ["trusting_context"]

_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")  # the only names that OpenSSL looks for
_MAX_BYTES = 64 << 20  # all the world's authorities take less than one


def trusting_context() -> ssl.SSLContext:
    """A TLS context for clients. It reads all the certificates, so make it once.

    Raises httpx.ConnectError, which names the variable that points nowhere.
    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file:  # it wins, as in httpx
        _require_file(file)
    elif folder:
        _require_folder(folder)
    try:
        return httpx.create_ssl_context()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise httpx.ConnectError(_reason(file, error)) from None


def _require_file(name: str) -> None:
    try:
        status = Path(name).stat()
    except (OSError, ValueError):
        raise _unusable("SSL_CERT_FILE", name, "which is not there") from None
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
        raise _unusable("SSL_CERT_FILE", name, "which is no file of certificates")


def _require_folder(names: str) -> None:
    for name in names.split(os.pathsep):
        try:
            if any(_HASHED.fullmatch(file.name) for file in Path(name).iterdir()):
                return
        except (OSError, ValueError):
            continue
    raise _unusable("SSL_CERT_DIR", names, "where no certificate lies under its hash")


def _unusable(variable: str, value: str, what: str) -> httpx.ConnectError:
    return httpx.ConnectError(
        f"${variable} names {value!r}, {what}; point it at the trusted certificates, or unset it"
    )


def _reason(file: str | None, error: Exception) -> str:
    log = os.environ.get("SSLKEYLOGFILE")
    if log and not isinstance(error, ssl.SSLError) and not _is_writable(log):
        return f"$SSLKEYLOGFILE names {log!r}, which cannot be written; unset it"
    if file:
        return str(_unusable("SSL_CERT_FILE", file, "which holds no certificates"))
    return f"the trusted certificates cannot be read ({error}); set $SSL_CERT_FILE"


def _is_writable(name: str) -> bool:
    path = Path(name)
    return os.access(path if path.exists() else path.parent, os.W_OK) and not path.is_dir()
