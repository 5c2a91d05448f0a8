"""Measurements: each module answers one question against a limit measured in the same run.

A figure is printed, never asserted: machines differ and drift. `python -m bench` says at its end
which goals this machine met in this run.
"""
