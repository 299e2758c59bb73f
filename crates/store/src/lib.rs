//! Control-plane state in SQL: one text for SQLite and PostgreSQL.
