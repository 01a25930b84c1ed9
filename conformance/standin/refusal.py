"""The one way a call fails: a code of the platform and a sentence."""


class Refusal(Exception):
    """Becomes `{"Response": {"Error": {"Code", "Message"}, "RequestId"}}` with HTTP status 200."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def require(condition, code, message):
    if not condition:
        raise Refusal(code, message)
