"""What the rules refuse. Each names the field as a JSON pointer (`#/identifiers/0`); no text quotes a name or an address."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong. pointer: RFC 6901 with a leading `#`; code: stable, for programs; detail: for people."""

    pointer: str
    code: str
    detail: str


class Rejected(Exception):
    """Base of every refusal of this domain."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.pointer for fault in faults))
        self.faults = tuple(faults)


class Invalid(Rejected):
    """Some of what was given is not valid (422)."""


class Conflict(Rejected):
    """Valid in itself, but the present state does not allow it (409)."""


class Missing(Rejected):
    """There is no such thing, or it is not for the one who asks (404). The noun says which kind of thing."""

    def __init__(self, noun: str) -> None:
        super().__init__(())
        self.noun = noun


class Stale(Rejected):
    """It has another version than the one that the caller meant to change (412)."""

    def __init__(self, current: int) -> None:
        super().__init__(())
        self.current = current


class Refused(Rejected):
    """The credential in hand does not reach that far (403)."""

    def __init__(self, detail: str) -> None:
        super().__init__(())
        self.detail = detail


class Unproven(Rejected):
    """Who asks has not proved who they are (401). The detail is the same whatever was wrong."""

    def __init__(self, detail: str) -> None:
        super().__init__(())
        self.detail = detail


class NotRedeemable(Rejected):
    """Unknown, used, withdrawn or expired: the four are never told apart."""

    def __init__(self) -> None:
        super().__init__(())


def conflict(pointer: str, code: str, detail: str) -> Conflict:
    return Conflict([Fault(pointer, code, detail)])


def invalid(pointer: str, code: str, detail: str) -> Invalid:
    return Invalid([Fault(pointer, code, detail)])
