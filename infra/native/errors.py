"""What can go wrong with a native part, one class each, so that callers tell "not to be had" from "broken"."""


class NativeError(Exception):
    """A native server, or what it needs, does not work; the text says what to do."""


class NotAvailable(NativeError):
    """This machine cannot run the part (no Java, no wheel, no way to fetch the jars): nothing is broken."""


class ChecksumMismatch(NativeError):
    """A jar is not the file that the committed list names. Never started, never repaired silently."""


class AlreadyRunning(NativeError):
    """Another process runs a server on the same folder."""


class StartFailed(NativeError):
    """The server ended, or did not answer in time; the text carries the end of its log."""
