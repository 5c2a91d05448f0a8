"""Households 农户: areas, organisations, households and populations; who and where.

Owns the streams of areas and their children, organisations and their names, proposed aliases,
households and population counts. It
holds registry numbers and opaque ids, never a name or number of a person.
"""
