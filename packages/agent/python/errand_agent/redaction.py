"""Replaces the secret variables of a run before a byte of its output is stored: a later client need not know them to show the log."""
import re

MARK = b'***'
# Shorter ones would match by chance.
SHORTEST = 4


class Redaction:
    """Of texts and of byte streams that come in pieces."""

    def __init__(self, values):
        found = set(value.encode('utf-8', 'surrogateescape') for value in values)
        # The longest first: of those that begin at one place it is the one that is replaced.
        self.secrets = sorted((value for value in found if len(value) >= SHORTEST), key=len, reverse=True)
        self.pattern = re.compile(b'|'.join(re.escape(value) for value in self.secrets)) if self.secrets else None

    def split(self, data):
        """(what can be stored of `data` now, secrets replaced; the end of it that may be the beginning of a secret)."""
        if self.pattern is None:
            return data, b''
        parts, position = [], 0
        while True:
            hold = self.first_held(data, position)
            found = self.pattern.search(data, position)
            # A secret that begins where bytes are held may yet become a longer one.
            if found is None or found.start() >= hold:
                break
            parts += [data[position:found.start()], MARK]
            position = found.end()
        parts.append(data[position:hold])
        return b''.join(parts), data[hold:]

    def first_held(self, data, position):
        """Where the longest end of `data` begins that is the beginning of a secret."""
        for start in range(max(position, len(data) - len(self.secrets[0]) + 1), len(data)):
            end = data[start:]
            if any(len(secret) > len(end) and secret.startswith(end) for secret in self.secrets):
                return start
        return len(data)

    def replace(self, data):
        return self.pattern.sub(MARK, data) if self.pattern else data

    def text(self, value):
        return self.replace(value.encode('utf-8', 'surrogateescape')).decode('utf-8', 'replace') if self.pattern else value
