"""A chat window with Toga, which is native on iOS and Android; `phone.py` lies beside this file."""

import asyncio
from pathlib import Path

import toga
from toga.style import Pack

from .phone import Phone


class PhoneApp(toga.App):
    """A text, a line to type in, Send and Stop."""

    def startup(self) -> None:
        folder = str(Path(self.paths.data))
        self.phone = Phone(folder, "http://192.168.1.20:11434/v1")
        self.history = toga.MultilineTextInput(readonly=True, style=Pack(flex=1))
        self.line = toga.TextInput(placeholder="Ask something")
        send = toga.Button("Send", on_press=self.send)
        stop = toga.Button("Stop", on_press=lambda _button: self.phone.stop())
        self.main_window = toga.MainWindow(title="Edge Router")
        self.main_window.content = toga.Box(
            children=[self.history, self.line, send, stop], style=Pack(direction="column")
        )
        self.main_window.show()

    async def send(self, _button: toga.Button) -> None:
        """The answer comes in a thread; the window takes its pieces."""
        text, self.line.value = self.line.value, ""
        self.history.value += f"\n> {text}\n"
        await asyncio.to_thread(self.phone.ask, text, self.show_piece)

    def show_piece(self, piece: str) -> None:
        self.loop.call_soon_threadsafe(self._append, piece)

    def _append(self, piece: str) -> None:
        self.history.value += piece


def main() -> PhoneApp:
    return PhoneApp("Phone", "org.example.phone")
