"""A chat page with Flet, on Android and iOS; `phone.py` lies beside this file."""

import os

import flet as ft
from phone import Phone

FOLDER = os.environ.get("FLET_APP_STORAGE_DATA", ".")  # the application's own, set by Flet
HOME = "http://192.168.1.20:11434/v1"


def main(page: ft.Page) -> None:
    """A text, a line to type in, Send and Stop."""
    phone = Phone(FOLDER, HOME)
    page.title = "Edge Router"
    history = ft.Text(selectable=True)
    line = ft.TextField(hint_text="Ask something", expand=True)

    def show(piece: str) -> None:
        history.value = f"{history.value}{piece}"
        page.update()

    def send() -> None:
        text, line.value = line.value, ""
        show(f"\n> {text}\n")
        page.run_thread(phone.ask, text, show)  # the answer comes in a thread

    page.add(
        ft.Column([history], scroll=ft.ScrollMode.AUTO, expand=True),
        ft.Row(
            [
                line,
                ft.Button("Send", on_click=send),
                ft.Button("Stop", on_click=phone.stop),
            ]
        ),
    )


if __name__ == "__main__":
    ft.run(main)
