"""A tiny receiver of OTLP over HTTP: every export is accepted, and said with its path and size.

An empty body is the protobuf of an answer without complaints (OTLP 1.x, partial success unset).
"""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        taken = self.rfile.read(int(self.headers["content-length"]))
        print(f"{self.path} {len(taken)}", flush=True)  # noqa: T201 - read by the test from the container's log
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *words: object) -> None:
        """Not each request once more."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", 4318), Receiver).serve_forever()
