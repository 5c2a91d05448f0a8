-- Codes of areas are known in every service by now; households had them twice.

INSERT INTO known.area_codes (area, valid_from, code, name)
SELECT area, valid_from, code, name FROM view.area_codes ON CONFLICT DO NOTHING;
CREATE INDEX ON known.area_codes (code);
DROP TABLE view.area_codes;
