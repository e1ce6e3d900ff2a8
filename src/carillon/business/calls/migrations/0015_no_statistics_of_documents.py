from django.db import migrations

# Nobody searches by what stands in these, and ANALYZE unpacks and sorts them while calls wait for a processor.
COLUMNS = (("calls_call", "decision"), ("calls_callevent", "detail"), ("calls_calltrace", "messages"))


class Migration(migrations.Migration):
    dependencies = [("calls", "0014_calls_of_bundles")]

    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0",
            f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS -1",
        )
        for table, column in COLUMNS
    ]
