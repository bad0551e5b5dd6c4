"""The read side: what a principal sees of plans, alerts, decisions and activities. Reads nothing it may not show.

plans       lists, one plan, its history;  similar: `plans:check`
alerts      lists, one alert with its explanation and decisions
activities  joint activities with the source of each field
"""
