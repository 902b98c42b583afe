"""The sandbox engine: a small WhatsApp in memory, with phones that scan, receive, answer and read.

The box meets it through the engine contract only, like the real one. What it promised to deliver survives a kill.
"""
