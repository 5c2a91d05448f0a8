-- The working calendar as every service knows it, deadlines that were acted on, whose a task is.

CREATE TABLE known.calendar_facts (
    position        bigint PRIMARY KEY,
    type            text NOT NULL,
    schema_version  int NOT NULL,
    payload         text NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE known.calendar_facts IS 'What households told of its set calendar, to be folded in order of position.';

GRANT SELECT, INSERT, UPDATE ON known.calendar_facts TO {{app}};

CREATE TABLE es.clocks (
    name      text PRIMARY KEY,
    token     bigint NOT NULL,
    swept_at  timestamptz,
    swept_to  date,
    late      int NOT NULL DEFAULT 0,
    waits     text,
    stopped   text
) WITH (fillfactor = 50);
COMMENT ON TABLE es.clocks IS 'The scheduler of this service: whose token it is, when it last looked at all deadlines, and by which business day.';
COMMENT ON COLUMN es.clocks.late IS 'Deadlines due by then whose command has not been given yet: it waits for something, or must not be given now.';
COMMENT ON COLUMN es.clocks.waits IS 'Why it cannot look now, in words; it goes on by itself.';
COMMENT ON COLUMN es.clocks.stopped IS 'Why it stopped, in words; null while it runs.';

CREATE TABLE es.deadlines (
    deadline  text NOT NULL,
    subject   uuid NOT NULL,
    due_on    date NOT NULL,
    acts_on   date NOT NULL,
    outcome   text NOT NULL CHECK (outcome IN ('done', 'already done', 'refused', 'not yet')),
    attempts  int NOT NULL,
    next_at   timestamptz NOT NULL,
    reason    text,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (deadline, subject, due_on)
) WITH (fillfactor = 70);
COMMENT ON TABLE es.deadlines IS 'Which deadline was acted on for what: a mark beside the request key, which alone makes the command exact.';
COMMENT ON COLUMN es.deadlines.next_at IS 'Of one that is not yet possible: not tried before.';

GRANT SELECT, INSERT, UPDATE ON es.clocks, es.deadlines TO {{app}};

ALTER TABLE es.tasks
    ADD COLUMN title       text,
    ADD COLUMN or_duties   text[] NOT NULL DEFAULT '{}',
    ADD COLUMN unit        uuid,
    ADD COLUMN post        text,
    ADD COLUMN person      text,
    ADD COLUMN not_person  text,
    ADD COLUMN method      text,
    ADD COLUMN path        text,
    ADD COLUMN assumed     boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN es.tasks.title IS 'What it is, in words.';
COMMENT ON COLUMN es.tasks.or_duties IS 'Duties that answer it as well as waits_for.';
COMMENT ON COLUMN es.tasks.person IS 'An actor''s id: it waits for this one, in that duty; whoever took over the work or holds the delegation counts too.';
COMMENT ON COLUMN es.tasks.not_person IS 'An actor''s id: whoever may not answer it, though of the duty.';
COMMENT ON COLUMN es.tasks.path IS 'The route that answers it, below the prefix of the service; with its method.';
COMMENT ON COLUMN es.tasks.assumed IS 'The day was reckoned with a year that has no calendar.';
CREATE INDEX ON es.tasks (kind);
ALTER TABLE es.closed_tasks ADD COLUMN closed_by text;
COMMENT ON COLUMN es.closed_tasks.closed_by IS 'An actor''s id; deadline:… or reactor:… where it closed by itself.';
