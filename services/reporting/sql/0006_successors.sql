-- What an area that is no more became: who reports in its place.

ALTER TABLE view.area_ends ADD COLUMN successors uuid[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN view.area_ends.successors IS 'The areas that follow it: the one that it was merged into, or all of its parts.';
