"""Who reads as the service is a short list (docs/decisions/0016): a reading request is its principal's, or the second wall is air."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WRITERS = {
    "services/activities/app.py",
    "services/notifications/app.py",
    "services/notifications/consumers/feed.py",
    "shared/bus/dispatch.py",
    "shared/housekeeping.py",
    "shared/migrations.py",
    "shared/outbox.py",
    "shared/service.py",
    "shared/unit.py",
}
"""Commands, consumers, timers, the relay, migrations."""
LOOKS = {
    "services/activities/api/weights.py",
    "services/activities/queries/audit.py",
    "services/activities/queries/sides.py",
    "services/activities/queries/similar.py",
    "services/notifications/queries/feed.py",
    "services/notifications/stream/hub.py",
    "services/notifications/uow.py",
    "shared/held.py",
}
"""What in a reading request looks behind the wall; the decision says of each why, and what comes back."""
_SAID = re.compile(r"from shared\.reader import [^\n]*\b(SERVICE|as_service)\b")


def test_who_reads_as_the_service_is_listed() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in ("services", "shared", "infra", "dashboard")
        for path in (ROOT / folder).rglob("*.py")
        if _SAID.search(path.read_text()) or "name_reader(" in path.read_text()
    }
    assert found == WRITERS | LOOKS | {"shared/db.py", "shared/reader.py"}


def test_every_read_of_a_request_names_its_reader() -> None:
    """But for what no policy guards: the weights in force, when keys were used last, checkpoints of the audit."""
    nobody = Counter(
        str(path.relative_to(ROOT))
        for folder in ("services/activities/api", "services/notifications/api", "shared")
        for path in (ROOT / folder).rglob("*.py")
        for _ in re.finditer(r"runtime(?:_of\(request\))?\.db\.read\(\)", path.read_text())
    )
    assert nobody == {
        "services/activities/api/weights.py": 1,
        "shared/held.py": 1,
        "shared/audit/api.py": 4,
        "shared/deadletters.py": 2,
    }
