"""Recordings of people: the lines of a session, their writer and reader, and the games in them played again.

`lines` is the format, `journal` writes and reads the file of one session, `game` is a game in which people sit, `replay` plays
the games of a file again and compares them, `blocks` reads the recordings of a whole run.
"""
