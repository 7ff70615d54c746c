"""A desktop chat with a Stop button and an offline switch: one thread reads the answer, the
window's thread ends it.

python desktop_chat.py                  opens a window (tkinter)
python desktop_chat.py "Why is it so?"  opens it and asks
python desktop_chat.py --no-window      asks one question and stops its answer after a piece
"""

import queue
import sys
import threading

from edge_router import AnswerStream, Constraints, EdgeRouter, EdgeRouterError, Placement


class Chat:
    """One conversation; `pieces` receives the texts to show, and None at each answer's end."""

    def __init__(self, router: EdgeRouter) -> None:
        self.pieces: queue.Queue[str | None] = queue.Queue()
        self._router = router
        self._messages: list[dict[str, str]] = []
        self._stream: AnswerStream | None = None

    def send(self, text: str, *, offline: bool = False) -> None:
        """Ask, with the turns before; `offline` keeps all of it on this device. Routing takes a
        millisecond; the answer has a thread."""
        self._messages.append({"role": "user", "content": text})
        here = Constraints(placement=Placement.ONLY_ON_DEVICE) if offline else None
        self._stream = self._router.stream(self._messages, constraints=here)
        threading.Thread(target=self._read, args=(self._stream,), daemon=True).start()

    def stop(self) -> None:
        """End the answer and the work behind it."""
        if self._stream is not None:
            self._stream.close()

    def _read(self, stream: AnswerStream) -> None:
        answer = ""
        try:
            for chunk in stream:
                answer += chunk.delta
                self.pieces.put(chunk.delta)
            if stream.record is not None:
                self.pieces.put(f"\n[{stream.record.answered_by}, {stream.record.ended}]\n")
        except EdgeRouterError as error:
            self.pieces.put(f"\n[{error}]\n")
        self._messages.append({"role": "assistant", "content": answer or "(no answer)"})
        self.pieces.put(None)


def show_window(chat: Chat, first: str = "") -> None:
    """A text, a line to type in, Send, Stop and the offline switch; asks `first` at once."""
    import tkinter as tk

    root = tk.Tk()
    root.title("Edge Router")
    history, line = tk.Text(root, wrap="word", height=20), tk.Entry(root)
    offline = tk.BooleanVar(root)
    switch = tk.Checkbutton(root, text="Offline: stay on this device", variable=offline)
    send = tk.Button(root, text="Send")
    stop = tk.Button(root, text="Stop", command=chat.stop, state="disabled")
    for widget in (history, line, switch, send, stop):
        widget.pack(fill="x")

    def ask(_event: object = None) -> None:
        if line.get().strip() and str(send["state"]) == "normal":
            history.insert("end", f"\n> {line.get()}\n")
            send["state"], stop["state"] = "disabled", "normal"
            chat.send(line.get(), offline=offline.get())
            line.delete(0, "end")

    def poll() -> None:
        while not chat.pieces.empty():
            piece = chat.pieces.get()
            if piece is None:
                send["state"], stop["state"] = "normal", "disabled"
            else:
                history.insert("end", piece)
                history.see("end")
        root.after(50, poll)

    send["command"] = ask
    line.bind("<Return>", ask)
    line.insert(0, first)
    ask()
    poll()
    root.mainloop()


def ask_and_stop(chat: Chat) -> None:
    """What the buttons do, without them."""
    chat.send("Tell me a long story about a river.")
    print(chat.pieces.get())
    chat.stop()
    while (piece := chat.pieces.get()) is not None:
        print(piece)


if __name__ == "__main__":
    with EdgeRouter() as router:
        if sys.argv[1:] == ["--no-window"]:
            ask_and_stop(Chat(router))
        else:
            show_window(Chat(router), " ".join(sys.argv[1:]))
