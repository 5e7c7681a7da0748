"""Entries of the journal carry the transaction that wrote them, so that who follows the journal misses none.

The column is the database's alone; entries from before have none and are never followed.
"""

from django.db import migrations

FEED = """
ALTER TABLE alarms_journalentry ADD COLUMN xid xid8;
ALTER TABLE alarms_journalentry ALTER COLUMN xid SET DEFAULT pg_current_xact_id();
CREATE INDEX alarms_entry_feed ON alarms_journalentry (tenant_id, xid, id);
"""
UNDO = "DROP INDEX alarms_entry_feed; ALTER TABLE alarms_journalentry DROP COLUMN xid;"


class Migration(migrations.Migration):
    dependencies = [("alarms", "0007_audit")]
    operations = [migrations.RunSQL(sql=FEED, reverse_sql=UNDO)]
