"""The Python part of a phone application: routes on the phone, answers by servers.

Needs numpy and httpx alone, no llama.cpp, no onnxruntime and no tokenizers wheel. The applications
in `android` (Chaquopy), `flet` and `ios` (BeeWare) call `Phone`.
"""

import os
from collections.abc import Callable

from edge_router import AnswerStream, Config, EdgeRouter, EdgeRouterError
from edge_router.settings.expert_config import ExpertConfig


class Phone:
    """One conversation. `folder` is the application's own; the servers speak OpenAI's protocol.

    `home` is one in the user's own network, such as Ollama on a Pi; `cloud` may be "". The key is
    the one of the cloud's server, from the phone's key store, and stays in this process.
    """

    def __init__(self, folder: str, home: str, cloud: str = "", key: str = "") -> None:
        os.environ.update({"EDGE_ROUTER_DATA_DIR": folder, "PHONE_CLOUD_KEY": key})
        experts = {"home": ExpertConfig("openai", "llama3.2", "1b", base_url=home, location="lan")}
        if cloud:
            experts["cloud"] = ExpertConfig(
                "openai", "gpt-4o", "frontier", base_url=cloud, location="cloud",
                api_key_env="PHONE_CLOUD_KEY" if key else None,
            )  # fmt: skip
        self._router = EdgeRouter(Config(experts=experts))
        self._messages: list[dict[str, str]] = []
        self._stream: AnswerStream | None = None

    def expert(self, text: str) -> str:
        """Who would answer; nothing leaves the phone."""
        return self._router.router.route(text).expert

    def ask(self, text: str, show: Callable[[str], None]) -> str:
        """The whole answer; `show` gets each piece. Call it from a thread that is not the UI's."""
        self._messages.append({"role": "user", "content": text})
        answer = ""
        try:
            self._stream = self._router.stream(self._messages)
            for chunk in self._stream:
                answer += chunk.delta
                show(chunk.delta)
        except EdgeRouterError as error:
            show(f"\n[{error}]")
        self._messages.append({"role": "assistant", "content": answer or "(no answer)"})
        return answer

    def stop(self) -> None:
        """From any thread: end the answer, and the work behind it."""
        if self._stream is not None:
            self._stream.close()
