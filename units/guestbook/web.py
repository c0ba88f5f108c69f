"""A guestbook: shows the rows in its database, and stores one more when a form is sent.

GET /          the page
POST / row=…   store a row, then back to the page
"""

import html
import os
import socket
import socketserver
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

DATABASE = (os.environ.get("DATABASE_HOST", "db"), 6379)
TIMEOUT_SECONDS = 5
BODY_BYTES_MAX = 4096

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Guestbook</title>
<h1>Guestbook</h1>
<form method="post"><input name="row" autofocus> <button>Sign</button></form>
<ol>
{rows}
</ol>
<p>{count} rows, shown by {host}</p>
"""


def redis(*words):
    """Send one command and return its answer: text, a number, or a list of texts."""
    with socket.create_connection(DATABASE, TIMEOUT_SECONDS) as connection:
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            data = word.encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        connection.sendall(b"".join(parts))
        return read_answer(connection.makefile("rb"))


def read_answer(stream):
    line = stream.readline().rstrip(b"\r\n").decode()
    kind, rest = line[:1], line[1:]
    if kind == "+":
        return rest
    if kind == ":":
        return int(rest)
    if kind == "$":
        return stream.read(int(rest) + 2)[:-2].decode()
    if kind == "*":
        return [read_answer(stream) for _ in range(int(rest))]
    raise ConnectionError(rest or "the database closed the connection")


class Guestbook(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(self.page)

    def do_POST(self):
        self.answer(self.sign)

    def answer(self, action):
        try:
            status, headers, body = action()
        except OSError as error:
            status, headers, body = 503, {}, f"no database: {error}\n"
        data = body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def page(self):
        rows = redis("LRANGE", "rows", "0", "-1")
        items = "\n".join(f"<li>{html.escape(row)}</li>" for row in rows)
        page = PAGE.format(rows=items, count=len(rows), host=socket.gethostname())
        return 200, {"Content-Type": "text/html; charset=utf-8"}, page

    def sign(self):
        length = int(self.headers.get("Content-Length", 0))
        if length > BODY_BYTES_MAX:
            return 413, {}, f"at most {BODY_BYTES_MAX} bytes\n"
        for row in parse_qs(self.rfile.read(length).decode()).get("row", []):
            redis("RPUSH", "rows", row)
        return 303, {"Location": "/"}, ""


class Server(ThreadingHTTPServer):
    # The parent class looks up its own name in DNS, which takes seconds where there is none.
    def server_bind(self):
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


if __name__ == "__main__":
    Server(("", 8080), Guestbook).serve_forever()
