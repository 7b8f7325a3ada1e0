"""PostgreSQL: the embedded server, the pool, migrations, the clock and the group writer. No feature SQL."""
