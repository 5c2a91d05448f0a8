"""Reporting 报表: entries of all services, figures and statements as data, traces, kept cuts.

Owns the streams of figures, statements and cuts. Copies funds, households and assets into read
tables of its own (`view.*`); each row is written by events of one source, and rows are joined only
when asked, at a cut.
"""
