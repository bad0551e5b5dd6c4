"""Plans, matching, alerts, decisions and activities, on their own database.

commands    PostPlan, AmendPlan, ChangeStatus, ClaimPlan; Decide, Reverse
queries     plans, a plan's history, similar plans (`plans:check`), alerts, decisions, activities, vocabularies
events out  plan.posted, plan.amended, plan.relabelled, plan.confirmed, plan.completed, plan.postponed, plan.cancelled,
            plan.claimed; alert.opened, alert.updated, alert.closed, alert.reopened; decision.made, decision.reversed;
            activity.formed, activity.changed, activity.dissolved            (topic `activities.v1`)
events in   its own plan.* (into the matching lane); organisation.*, person.*, api_key.*, signing_key.* (read models)

A plan becomes an alert like this: `api/plans.py` -> `handlers/plans.py` -> `domain/` -> `uow.py` (row, features, outbox
in one commit) -> relay -> bus -> `consumers.py` -> `handlers/lane.py` (matching, under the lane's lease) -> outbox.
"""
