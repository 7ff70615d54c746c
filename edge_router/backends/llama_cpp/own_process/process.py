"""The process of a model as its parent has it: started, written to, read from, and ended."""

from __future__ import annotations

import itertools
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from edge_router.errors import BackendUnavailable
from edge_router.guards.forking import NO_FORK, renew_after_fork

from ..gguf_trial import scratch_folder
from .messages import Ended, Frames, Logged, Message, Reply, frame

__all__ = ["IN_THIS_PROCESS", "Inbox", "ModelProcess"]

CODE = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from {} import serve_model
serve_model()
"""
IN_THIS_PROCESS = "own_process = false runs it in this one"
OUR_FOLDER = Path(__file__).parents[4]
READ_BYTES = 1 << 16
END_S = 2.0  # for the system to take apart a process that was killed


class Inbox(NamedTuple):
    """A number for a message, and where the replies to it arrive."""

    number: int
    replies: queue.SimpleQueue[Reply]


class ModelProcess:
    """A Python of its own for the model called `name`, with two threads that write to it and read
    from it, so that no caller waits for a pipe.

    It ends when its pipe does, so however this process ends. Raises BackendUnavailable where none
    can be started.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.how_it_ended: str | None = None
        self._numbers = itertools.count()
        self._inboxes: dict[int, queue.SimpleQueue[Reply]] = {}
        self._lock = threading.Lock()
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._scratch: AbstractContextManager[Mapping[str, str]] | None = scratch_folder()
        variables = self._scratch.__enter__()
        with NO_FORK:  # or a child forked now would keep the pipe, and with it the process
            self._child = self._started(variables)
            renew_after_fork(self)
        try:
            for work in (self._write, self._read):
                threading.Thread(target=work, name=f"process of {name}", daemon=True).start()
        except RuntimeError as error:  # no more threads in this process
            self._end()
            raise BackendUnavailable(f"{name}: {error}") from None

    @property
    def pid(self) -> int:
        return self._child.pid

    def after_fork(self) -> None:
        """Let go of the pipes in a forked child: the process belongs to the parent."""
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()

    @contextmanager
    def inbox(self) -> Iterator[Inbox]:
        """Replies to one message, the last of which is Ended if the process ends first."""
        inbox = Inbox(next(self._numbers), queue.SimpleQueue())
        with self._lock:
            self._inboxes[inbox.number] = inbox.replies
            if self.how_it_ended is not None:
                inbox.replies.put(self._lost(inbox.number))
        try:
            yield inbox
        finally:
            with self._lock:
                del self._inboxes[inbox.number]

    def send(self, message: Message) -> None:
        """Have a message written; does not wait."""
        self._outbox.put(frame(message))

    def kill(self) -> None:
        """End it. It has nothing to save."""
        self._child.kill()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(END_S)

    def remove_scratch(self) -> None:
        """Remove the folder for its temporary files, once it needs none. Any thread may."""
        with self._lock:
            scratch, self._scratch = self._scratch, None
        if scratch is not None:
            scratch.__exit__(None, None, None)

    def _started(self, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Without a window, in a process group of its own, so that Ctrl-C at a terminal is not for
        it; but in the same session, since Linux may weigh priorities within one only."""
        code = CODE.format(f"{__package__}.child")
        try:
            folders = [entry or str(Path.cwd()) for entry in sys.path]
            # the last one may be here by an import hook of this Python's alone
            folders.append(str(OUR_FOLDER))
            return subprocess.Popen(  # noqa: S603 - this Python, and our own code
                [sys.executable, "-I", "-c", code, json.dumps(folders), self.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env={**os.environ, **variables, "GGML_NO_BACKTRACE": "1"},
                process_group=0 if os.name == "posix" else None,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # of Windows
            )
        except (OSError, ValueError) as error:
            self.remove_scratch()
            raise BackendUnavailable(
                f"{self.name}: no process can be started for it: {error}; {IN_THIS_PROCESS}"
            ) from None

    def _write(self) -> None:
        pipe = self._child.stdin
        assert pipe is not None
        with suppress(OSError, ValueError):  # it has ended, which the reader sees too
            while (data := self._outbox.get()) is not None:
                rest = memoryview(data)
                while rest:
                    rest = rest[pipe.write(rest) :]
        with suppress(OSError):
            pipe.close()

    def _read(self) -> None:
        pipe, frames = self._child.stdout, Frames()
        assert pipe is not None
        try:
            with suppress(OSError, ValueError), pipe:
                while data := pipe.read(READ_BYTES):
                    for reply in frames.take(data):
                        self._deliver(reply)
        finally:
            self._end()

    def _end(self) -> None:
        """Take apart what is left of it, and end what waits for it."""
        self.kill()
        self._outbox.put(None)
        with self._lock:
            self.how_it_ended = _how(self._child.returncode)
            for number, inbox in self._inboxes.items():
                inbox.put(self._lost(number))
        self.remove_scratch()

    def _deliver(self, reply: Reply) -> None:
        if isinstance(reply, Logged):
            logging.getLogger(reply.logger).log(reply.level, "%s", reply.text)
            return
        with self._lock:
            inbox = self._inboxes.get(reply.number)
        if inbox is not None:
            inbox.put(reply)

    def _lost(self, number: int) -> Ended:
        return Ended(
            number,
            BackendUnavailable(
                f"{self.name}: its process ended with {self.how_it_ended}; the next answer starts "
                "another"
            ),
        )


def _how(status: int | None) -> str:
    """How a process ended, in words."""
    if status is None:
        return "an unknown status"
    with suppress(ValueError):
        if status < 0:
            return signal.Signals(-status).name
    return f"status {status}"
