"""Notifications: the feed of all events, the streams that show it, and an inbox per person.

Commands     MarkAlert (read, unread, done)
Queries      the feed from a position on, as one principal may see it; the inbox of a person
Events out   none yet (`notifications.v1` is created for deliveries to come)
Events in    activities.v1: plan.*, alert.*, decision.*, activity.* into feed, visibility facts and alerts;
             partners.v1: organisations, people, keys into the read models of who may ask
"""
