"""Receivers of notifications, for real: an HTTP server and a mail server on loopback."""

import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Post:
    """One request that a receiver got."""

    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body


@contextmanager
def http(answer=lambda post: 204):
    """
    Serve on loopback; yield the URL and the list of what was posted.

    `answer` says with which status, or writes to the connection itself and returns None.
    """
    posts = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            post = Post(self.path, dict(self.headers), self.rfile.read(length))
            post.connection = self.connection
            posts.append(post)
            status = answer(post)
            if status is None:
                self.close_connection = True
                return
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", posts
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def smtp(refuse=""):
    """Serve on loopback; yield the port and the list of the messages, as they travelled."""
    mails = []

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line):
            self.wfile.write(f"{line}\r\n".encode())

        def handle(self):
            self.say("220 test")
            recipients = []
            while line := self.rfile.readline().decode().strip():
                verb = line[:4].upper()
                if verb == "RCPT":
                    recipients.append(line[8:].strip("<>"))
                if verb == "DATA":
                    self.say("354 go on")
                    lines = []
                    while (line := self.rfile.readline()) != b".\r\n":
                        lines.append(line.decode())
                    mails.append((recipients, "".join(lines)))
                if verb == refuse:
                    self.say("550 5.7.1 no, secret-of-the-server")
                else:
                    self.say("221 bye" if verb == "QUIT" else "250 ok")
                if verb == "QUIT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1], mails
        finally:
            server.shutdown()
            thread.join()
