"""Packs an environment and puts it to WebHDFS from the machine that made it: `PREFIX ARCHIVER URL`. Prints how many bytes it has sent.

ARCHIVER is the source of the program that packs.
"""
import http.client
import io
import os
import sys
from urllib.parse import urlsplit

STEP = 1000000


class Body(io.RawIOBase):
    """Sends what is written to it, in chunks: nobody knows before how long it becomes."""

    def __init__(self, connection):
        self.connection = connection
        self.sent = self.told = 0

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        if data:
            self.connection.send(b'%x\r\n' % len(data) + data + b'\r\n')
            self.sent += len(data)
        if self.sent - self.told > STEP:
            self.told = self.sent
            print(self.sent, flush=True)
        return len(data)


def main(prefix, archiver, url):
    program = {'__name__': 'archive_environment'}
    exec(archiver, program)
    connection, path = opened(place_of_content(url))
    connection.putrequest('PUT', path)
    connection.putheader('Content-Type', 'application/octet-stream')
    connection.putheader('Transfer-Encoding', 'chunked')
    connection.endheaders()
    body = io.BufferedWriter(Body(connection), 1 << 16)
    program['main'](prefix, body)
    body.flush()
    connection.send(b'0\r\n\r\n')
    expect(connection.getresponse(), (200, 201))


def place_of_content(url):
    """Content goes to another server of the cluster, which the first one names."""
    connection, path = opened(url)
    connection.request('PUT', path)
    return expect(connection.getresponse(), (307,)).getheader('Location')


def opened(url):
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.netloc), '%s?%s' % (parts.path, parts.query)


def expect(answer, statuses):
    if answer.status not in statuses:
        raise OSError('the storage answered %d: %s' % (answer.status, answer.read(2000).decode('utf-8', 'replace')))
    return answer


if __name__ == '__main__':
    try:
        main(*sys.argv[1:4])
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write('%s\n' % error)
        sys.stderr.flush()
        os._exit(1)
