-- One call appends a group: lock, number, insert, notify once. Called as one autocommit statement.
-- Outcomes: 1 appended, 2 duplicate, 3 conflict, 4 key_reused. A part without events is a fence:
-- a stream that was read and must not have moved. Rates and the planner's trap: bench/append.py, ADR 0002.
CREATE OR REPLACE FUNCTION es.append(
    at_epoch smallint, caller timestamptz,
    req uuid[], hash bytea[], keep bool[], answer json[], command json[], facts json[],
    first_part int[], last_part int[],                                          -- one entry a request
    of_req int[], stream uuid[], expected bigint[], n int[],                    -- one a part; NULL any, 0 none
    of_part int[], ord int[], type text[], sv smallint[], salt bytea[], payload json[], meta json[])
RETURNS TABLE (request_no int, outcome int, at_version bigint, at_position bigint, at_time timestamptz, first_answer json)
LANGUAGE plpgsql SECURITY DEFINER   -- nobody but the owner may insert; every name below is qualified
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
SET enable_bitmapscan = off SET enable_material = off AS $$
#variable_conflict use_column
DECLARE
    came timestamptz := clock_timestamp();
    stamp timestamptz; head_at timestamptz; here smallint; ahead interval; saw json;
    base bigint; total bigint; clash bool;
    heads bigint[]; bad int[]; code int[]; pos bigint[]; ver bigint[]; old_ver bigint[]; old_pos bigint[];
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN   -- an older snapshot would pass fences
        RAISE 'append under %', current_setting('transaction_isolation') USING ERRCODE = 'ES005';
    END IF;
    PERFORM pg_advisory_xact_lock(1);   -- the next statement's snapshot sees every earlier append
    SELECT s.epoch, s.ahead, coalesce(h.position, 0), h.recorded_at, clock_timestamp(),
           (SELECT coalesce('{' || string_agg(format('"%s":[%s,%s]', source, epoch, position), ',' ORDER BY source) || '}', '{}')
              FROM es.cursors WHERE reader = 'known')
      INTO here, ahead, base, head_at, stamp, saw
      FROM es.store s
      LEFT JOIN LATERAL (SELECT position, recorded_at FROM es.events ORDER BY position DESC LIMIT 1) h ON true;
    IF here IS DISTINCT FROM at_epoch THEN
        RAISE 'epoch is %, caller has %', here, at_epoch USING ERRCODE = 'ES001';
    END IF;
    IF came NOT BETWEEN caller - interval '60 s' AND caller + interval '60 s'
       OR head_at - stamp > interval '60 s' OR stamp - head_at > ahead THEN
        RAISE 'clock: database %, caller %, head %', stamp, caller, head_at USING ERRCODE = 'ES002';
    END IF;
    stamp := greatest(head_at, stamp);   -- at most 60 s of borrowed time: recorded_at never goes back

    SELECT array_agg(coalesce(t.version, 0) ORDER BY no),
           array_agg(DISTINCT r) FILTER (WHERE e <> coalesce(t.version, 0))
      INTO heads, bad
      FROM unnest(of_req, stream, expected) WITH ORDINALITY p(r, s, e, no)
      LEFT JOIN LATERAL (SELECT version FROM es.events WHERE stream_id = p.s ORDER BY version DESC LIMIT 1) t ON true;

    SELECT array_agg(CASE WHEN d.body_hash = q.h THEN 2 WHEN d.request_id IS NOT NULL THEN 4
                          WHEN q.no = ANY (bad) THEN 3 ELSE 1 END ORDER BY q.no),
           array_agg(coalesce(d.version, 0) ORDER BY q.no), array_agg(coalesce(d.position, 0) ORDER BY q.no)
      INTO code, old_ver, old_pos
      FROM unnest(req, hash) WITH ORDINALITY q(k, h, no)
      LEFT JOIN LATERAL (SELECT request_id, body_hash, version, position FROM es.requests
                          WHERE request_id = q.k LIMIT 1) d ON true;

    SELECT array_agg(base + upto ORDER BY no), array_agg(heads[no] + mine ORDER BY no),
           coalesce(max(upto), 0), bool_or(e IS NOT NULL AND mine > live AND code[r] = 1)
      INTO pos, ver, total, clash
      FROM (SELECT no, r, e, live, coalesce(sum(live) OVER (ORDER BY no), 0) AS upto,
                   coalesce(sum(live) OVER (PARTITION BY s ORDER BY no), 0) AS mine
              FROM (SELECT no, r, s, e, CASE WHEN code[r] = 1 THEN n ELSE 0 END AS live
                      FROM unnest(of_req, stream, expected, n) WITH ORDINALITY u(r, s, e, n, no)) a) b;
    IF clash THEN   -- the window sum would accept a lost update; the caller reruns one by one
        RAISE 'an exact part follows another part on its stream in this group' USING ERRCODE = 'ES003';
    END IF;

    IF 1 = ANY (code) THEN
        INSERT INTO es.requests (request_id, body_hash, version, position, events, recorded_at, keep, answer, command, facts)
        SELECT k, h, ver[f], pos[l], (pos[l] - pos[f] + n[f])::int, stamp, e, a, c, x
          FROM unnest(req, hash, keep, answer, command, facts, first_part, last_part, code)
               u(k, h, e, a, c, x, f, l, o)
         WHERE o = 1;
        INSERT INTO es.events (position, stream_id, version, recorded_at, epoch, schema_version, type, seen, salt, payload, metadata)
        SELECT pos[p] - n[p] + u.ord, stream[p], ver[p] - n[p] + u.ord, stamp, here, u.sv, u.type, saw, u.salt, u.payload, u.meta
          FROM unnest(of_part, ord, type, sv, salt, payload, meta) u(p, ord, type, sv, salt, payload, meta)
         WHERE code[of_req[p]] = 1;
        IF total > 0 THEN NOTIFY es_appended; END IF;
    END IF;

    RETURN QUERY
    SELECT no::int, o,
           CASE o WHEN 1 THEN ver[f] WHEN 3 THEN heads[f] ELSE old_ver[no] END,
           CASE o WHEN 1 THEN pos[l] WHEN 3 THEN 0 ELSE old_pos[no] END,
           CASE o WHEN 1 THEN stamp END,
           CASE WHEN o = 2 THEN (SELECT d.answer FROM es.requests d WHERE d.request_id = req[no]) END
      FROM unnest(code, first_part, last_part) WITH ORDINALITY u(o, f, l, no);
END $$;
REVOKE EXECUTE ON FUNCTION es.append FROM PUBLIC;
GRANT EXECUTE ON FUNCTION es.append TO {{app}};
