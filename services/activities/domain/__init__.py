"""The rules of plans, alerts, decisions and activities: plain dataclasses, no I/O, no clock, no framework.

content     what a plan says, read from JSON with every error at once
plan        a plan's life: versions, statuses, claims, who sees it
alerts      which alerts there should be, held against those there are
activities  a joint activity, and where each of its fields comes from
"""
