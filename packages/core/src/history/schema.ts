import type { DatabaseSync } from 'node:sqlite'

export type Migration = (database: DatabaseSync) => void

/**
 * `migrations[n]` brings a history from version n to n + 1. An entry that was released is never changed. Each runs inside one write
 * transaction.
 */
export const migrations: readonly Migration[] = [
  (database) => {
    database.exec(`
      CREATE TABLE project (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
      INSERT INTO project VALUES ('id', lower(hex(randomblob(16))));

      -- What a list shows. Small rows: ten thousand of them are read at once.
      CREATE TABLE runs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        script TEXT,
        run_configuration TEXT NOT NULL,
        target_name TEXT NOT NULL,
        target_type TEXT NOT NULL,
        state TEXT NOT NULL,
        status_at TEXT,
        created_at TEXT NOT NULL,
        started_at TEXT,
        ended_at TEXT,
        -- Of an ended run: its metrics by name, ready to be shown. Empty while it runs.
        metrics TEXT,
        clashing_metrics TEXT
      ) STRICT;

      CREATE TABLE run_details (
        number INTEGER PRIMARY KEY REFERENCES runs (number),
        log_cursor TEXT,
        log_size INTEGER NOT NULL DEFAULT 0,
        metric_count INTEGER NOT NULL DEFAULT 0,
        collected INTEGER NOT NULL DEFAULT 0,
        removed INTEGER NOT NULL DEFAULT 0,
        user TEXT NOT NULL,
        reason TEXT,
        client TEXT,
        status TEXT,
        reference TEXT,
        notes TEXT NOT NULL,
        arguments TEXT NOT NULL,
        target_config TEXT NOT NULL,
        prepared TEXT,
        request TEXT
      ) STRICT;

      CREATE TABLE metrics (
        run INTEGER NOT NULL,
        position INTEGER NOT NULL,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        value TEXT NOT NULL,
        step REAL,
        at TEXT NOT NULL,
        PRIMARY KEY (run, position)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE tags (
        run INTEGER NOT NULL,
        type TEXT NOT NULL,
        name TEXT NOT NULL,
        value TEXT,
        PRIMARY KEY (run, type, name)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE artifacts (
        run INTEGER NOT NULL,
        path TEXT NOT NULL,
        size INTEGER,
        PRIMARY KEY (run, path)
      ) STRICT, WITHOUT ROWID;
    `)
  },
  (database) => {
    database.exec(`
      ALTER TABLE runs ADD COLUMN arguments TEXT NOT NULL DEFAULT '[]';
      UPDATE runs SET arguments = coalesce((SELECT arguments FROM run_details WHERE run_details.number = runs.number), '[]');
      ALTER TABLE run_details DROP COLUMN arguments;
      ALTER TABLE runs ADD COLUMN parent TEXT;
      ALTER TABLE runs ADD COLUMN note TEXT;
      -- JSON objects of names and values, the same as in the table tags: a list reads no tag one by one.
      ALTER TABLE runs ADD COLUMN tags TEXT;
      ALTER TABLE runs ADD COLUMN properties TEXT;
      UPDATE runs SET
        tags = (SELECT json_group_object(name, value) FROM tags WHERE run = number AND type = 'tag' HAVING count(*) > 0),
        properties = (SELECT json_group_object(name, value) FROM tags WHERE run = number AND type = 'property' HAVING count(*) > 0);
      ALTER TABLE run_details ADD COLUMN rerun_of TEXT;
      CREATE INDEX runs_by_creation ON runs (created_at, number);
      CREATE INDEX runs_by_parent ON runs (parent) WHERE parent IS NOT NULL;
    `)
  },
]
