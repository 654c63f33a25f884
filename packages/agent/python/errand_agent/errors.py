"""The one error that a call answers with."""


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


def bad_request(message):
    return CallError('BAD_REQUEST', message)
