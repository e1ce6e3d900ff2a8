"""History is found by what made it (a request, a job), and by what it takes back."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Index history by request and by what is taken back."""

    dependencies = [("base", "0004_jobs")]

    operations = [
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["request_id"], name="audit_by_request"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                fields=["undoes"], condition=models.Q(("undoes__isnull", False)), name="audit_by_undone"
            ),
        ),
    ]
