"""Files: kept by their SHA-256 apart from the database, sealed at rest, uploaded resumably."""
