"""The error that a call answers with, and the one that ends a run before its script."""


class CallError(Exception):
    """A call that can't be done: `code` for programs, the message (and hint) for people."""

    def __init__(self, code, message, hint=None):
        Exception.__init__(self, message)
        self.code = code
        self.message = message
        self.hint = hint

    def to_json(self):
        answer = {'code': self.code, 'message': self.message}
        if self.hint:
            answer['hint'] = self.hint
        return answer


class CannotStart(Exception):
    """The script can't be started; the text is the reason of the run's end."""


def bad_request(message):
    return CallError('BAD_REQUEST', message)
