-- Who has left a household stays known, with the day.

ALTER TABLE view.members ADD COLUMN left_on date;
COMMENT ON COLUMN view.members.left_on IS 'From that day on no member; NULL: is one.';
COMMENT ON TABLE view.members IS 'Every person ever listed in a household, with the household''s village.';
COMMENT ON TABLE view.households IS 'One row a household, by an opaque id, as it is now; who lives there is in view.members, if listed.';
