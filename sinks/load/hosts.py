"""What was found out about sites and hosts: robots.txt, and who is left alone."""

from __future__ import annotations

from sinks.load.step import Step

ROBOTS = """
CREATE OR REPLACE TEMP TABLE read_robots AS
SELECT *, {run} AS run_id FROM staged_robots
QUALIFY row_number() OVER (PARTITION BY origin ORDER BY fetched_at DESC) = 1
"""
REPLACE_ROBOTS = """
DELETE FROM robots WHERE origin IN (SELECT origin FROM read_robots);
INSERT INTO robots BY NAME SELECT * FROM read_robots
"""
HOSTS = """
CREATE OR REPLACE TEMP TABLE resting AS
SELECT *, {run} AS run_id FROM staged_hosts
QUALIFY row_number() OVER (PARTITION BY host ORDER BY resting_until DESC, noted_at DESC) = 1
"""
REPLACE_HOSTS = """
DELETE FROM hosts WHERE host IN (SELECT host FROM resting);
INSERT INTO hosts BY NAME SELECT * FROM resting
"""
WRITE = (
    Step(ROBOTS),
    Step(REPLACE_ROBOTS, "read_robots"),
    Step(HOSTS),
    Step(REPLACE_HOSTS, "resting"),
)
