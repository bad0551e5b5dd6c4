"""What people do with the alerts in their inbox."""

from services.notifications.commands import MarkAlert
from services.notifications.domain import Entry, entry_of, marked
from services.notifications.uow import NotificationsUnit, facts_for, find_alert, find_marks, known_plans
from shared.problem import not_found
from shared.visibility import Principal


async def mark_alert(command: MarkAlert, unit: NotificationsUnit, principal: Principal) -> Entry:
    """The entry as it is then. Raises a 404 problem for an alert that is not in this person's inbox."""
    found = await find_alert(unit.session, command.alert)
    if found is None or principal.person is None:
        raise not_found("alert")
    known = facts_for(found.sides, await known_plans(unit.session, found.plans))
    entry = entry_of(principal, found, known, await find_marks(unit.session, principal.person, found.id))
    if entry is None:
        raise not_found("alert")
    marks = marked(entry, command.mark)
    await unit.keep_marks(principal.person, found.id, marks)
    unit.note(f"inbox.{command.mark}", found.id, found.version)
    after = entry_of(principal, found, known, marks)
    assert after is not None
    return after
