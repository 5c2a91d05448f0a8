"""Assets 资产: what public money became, where it is recorded, whose it is, who holds it.

Owns the streams of assets and, per project, how much of each lot its assets hold. Relies on
households for areas and organisations and on funds for projects and their money (`known.*`).
"""
