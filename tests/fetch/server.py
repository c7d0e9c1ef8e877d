# SPDX-License-Identifier: MIT
"""A remote on this machine: files behind HTTP, each with the troubles that a test gives it.

A trouble is used up by one request, in order; without troubles a file is served well, with ranges.
"""
import contextlib
import http.server
import os
import random
import socket
import socketserver
import ssl
import threading
import time


def content(name, size=200_000):
    """Bytes that look like nothing and belong to the name."""
    return random.Random(name).randbytes(size)


class File:
    def __init__(self, body, etag='"v1"', ranges=True, if_range=True, length=True, headers=None,
                 redirect=None, status=None, troubles=(), pace=None):
        self.body = body
        self.etag = etag
        self.ranges = ranges  # heeds Range
        self.if_range = if_range  # heeds If-Range
        self.length = length  # sends Content-Length, else in pieces
        self.headers = headers or {}
        self.redirect = redirect  # answers 302 to there
        self.status = status  # answers with this and no file
        self.troubles = list(troubles)  # dicts: cut=N | stall=N | status=N, headers={} | change=File
        self.pace = pace  # (bytes, seconds between them)
        self.requests = []  # dicts of what was asked, and what was sent

    def take_trouble(self):
        return self.troubles.pop(0) if self.troubles else {}

    @property
    def bytes_sent(self):
        return sum(r["sent"] for r in self.requests)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_CONNECT(self):
        """A tunnel; names that nobody knows lead to the remote's own TLS port."""
        remote = self.server.remote
        remote.connects.append(self.path)
        if remote.refuses_connect:
            self.answer(403, {}, b"no")
            return
        with socket.create_connection(("127.0.0.1", int(self.path.rsplit(":", 1)[1]))) as there:
            self.wfile.write(b"HTTP/1.1 200 go on\r\n\r\n")
            back = threading.Thread(target=pump, args=(there, self.connection), daemon=True)
            back.start()
            pump(self.connection, there)
            back.join(5)
        self.close_connection = True

    def do_GET(self):
        remote = self.server.remote
        path, proxied = self.path, False
        if path.startswith("http://"):
            path, proxied = "/" + path.split("/", 3)[3], True
        with remote.lock:
            file = remote.files.get(path.split("?")[0])
            trouble = file.take_trouble() if file else {}
            if "change" in trouble:
                trouble["change"].requests = file.requests
                file = remote.files[path] = trouble["change"]
            record = {"path": path, "proxied": proxied, "range": self.headers["Range"],
                      "if_range": self.headers["If-Range"], "time": time.monotonic(), "sent": 0}
            if file:
                file.requests.append(record)
        if not file:
            self.answer(404, {}, b"nothing here")
        elif "status" in trouble or file.status:
            self.answer(trouble.get("status", file.status), trouble.get("headers", file.headers), b"trouble")
        elif file.redirect:
            self.answer(302, {**file.headers, "Location": file.redirect}, b"over there")
        else:
            self.serve(file, trouble, record)

    def answer(self, status, headers, text):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def start_of(self, file, record):
        """Where the answer begins; 0 for the whole file."""
        if not record["range"] or not file.ranges:
            return 0
        if file.if_range and record["if_range"] and record["if_range"] != file.etag:
            return 0
        return int(record["range"].removeprefix("bytes=").removesuffix("-"))

    def serve(self, file, trouble, record):
        start, size = self.start_of(file, record), len(file.body)
        if start and start >= size:
            self.answer(416, {"Content-Range": f"bytes */{size}"}, b"")
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if file.etag:
            self.send_header("ETag", file.etag)
        for name, value in file.headers.items():
            self.send_header(name, value)
        if file.length:
            self.send_header("Content-Length", str(size - start))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            self.send_body(file, file.body[start:], trouble, record)

    def send_body(self, file, body, trouble, record):
        at = 0
        end = trouble.get("cut", trouble.get("stall", len(body)))
        while at < end:
            block, pause = file.pace or (65536, 0)  # a test may change it meanwhile
            piece = body[at:min(at + block, end)]
            self.wfile.write(piece if file.length else b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
            at += len(piece)
            record["sent"] = at
            time.sleep(pause)
        if "stall" in trouble:
            time.sleep(5)
        if "cut" in trouble or "stall" in trouble:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif not file.length:
            self.wfile.write(b"0\r\n\r\n")


def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, address):
        pass  # a client that went away is what some tests are about


class Remote:
    """`url` leads to the files; with a certificate, `secure` does too."""

    def __init__(self, certificate=None):
        self.files, self.connects, self.lock = {}, [], threading.Lock()
        self.refuses_connect = False
        self.port = self.start(None)
        self.url = f"http://127.0.0.1:{self.port}"
        self.secure_port = self.start(certificate) if certificate else None
        self.secure = f"https://127.0.0.1:{self.secure_port}"

    def start(self, certificate):
        server = Server(("127.0.0.1", 0), Handler)
        server.remote = self
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake belongs to the connection's own thread.
            server.socket = context.wrap_socket(server.socket, server_side=True,
                                                do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server.server_address[1]

    def put(self, path, *arguments, **settings):
        file = File(*arguments, **settings)
        self.files[path] = file
        return file


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(folder):
    """A certificate of our own, or None where there is no openssl to make one."""
    import shutil
    import subprocess
    path = os.path.join(folder, "certificate.pem")
    if not shutil.which("openssl"):
        return None
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=insilico tests", "-addext",
                    "subjectAltName=IP:127.0.0.1,DNS:models.invalid", "-keyout", path, "-out",
                    path + ".public"], check=True, capture_output=True)
    with open(path, "a") as whole, open(path + ".public") as public:
        whole.write(public.read())
    return path
