"""Funds 资金: documents, lots, projects, payments and batches, fen by fen.

Owns the streams of documents, lots, draw policies, projects, payments, batches and entitlements.
Relies on households for areas, organisations and who is registered (`known.*`).
"""
