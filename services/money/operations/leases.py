"""Leases of operations: who may run one until when, and whose writes count."""

from database.leases import TAKEN

# A lease: `due` is moved forward, and a new fencing token is assigned. NEEDS_REVIEW stays. A process that held the
# lease before and left no result may have sent the request at any moment of its lease.
LEASE = f"""
UPDATE operation SET {TAKEN},
  first_sent_at = CASE WHEN state = 'IN_PROGRESS'
    THEN coalesce(first_sent_at, greatest(created_at, due - $1 * interval '1 second')) ELSE first_sent_at END,
  state = CASE WHEN state = 'NEEDS_REVIEW' THEN state ELSE 'IN_PROGRESS' END
"""  # noqa: S608 - built from our own words
TAKE = f"""{LEASE}
WHERE id = $2 AND due IS NOT NULL
  AND (due <= now() OR ($3 AND state = 'UNRESOLVED' AND updated_at < now() - interval '1 second'))
"""
TAKE_NEXT = f"""{LEASE}
WHERE id = (SELECT id FROM operation WHERE due <= now() ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED)
"""  # noqa: S608 - built from our own words
TAKE_FOR_REVIEW = f"""{LEASE}
WHERE id = $2 AND state = 'NEEDS_REVIEW'
"""
