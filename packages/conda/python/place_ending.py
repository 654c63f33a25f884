"""How a request can end besides with an answer."""


class Ended(Exception):
    """`kind` is the key of the reply, `answer` its value."""

    def __init__(self, kind, answer):
        Exception.__init__(self, kind)
        self.kind = kind
        self.answer = answer
