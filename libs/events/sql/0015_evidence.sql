-- Evidence 附件: which files show something about a thing. The files lie apart, by digest. ADR 0021.

CREATE TABLE es.attachments (
    id                uuid PRIMARY KEY,
    area              uuid,
    target            uuid NOT NULL,
    kind              text NOT NULL,
    digest            text NOT NULL,
    size              bigint NOT NULL,
    media_type        text NOT NULL,
    caption           text,
    taken_at          text,
    latitude          text,
    longitude         text,
    small_digest      text,
    small_media_type  text,
    added_at          timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX ON es.attachments (target, id);
COMMENT ON TABLE es.attachments IS 'What was ever attached to a thing; no name of a file.';
COMMENT ON COLUMN es.attachments.digest IS 'SHA-256 of the file, in the store of files.';
COMMENT ON COLUMN es.attachments.small_digest IS 'Of the copy for the screen, of a photograph.';

CREATE TABLE es.withdrawn_attachments (
    attachment    uuid PRIMARY KEY,
    reason        text NOT NULL,
    withdrawn_at  timestamptz NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE es.withdrawn_attachments IS 'What counts as evidence no longer; the files stay.';

GRANT SELECT, INSERT, UPDATE ON es.attachments, es.withdrawn_attachments TO {{app}};
