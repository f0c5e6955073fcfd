"""The table of the audit chain; for how it is written see trial/chain.py."""

from django.db import models


class AuditLink(models.Model):
    """One link of the audit chain: what a statement added to an audit table, as a hash of each row."""

    number = models.BigIntegerField(primary_key=True, help_text="Counts the links without a gap.")
    previous = models.CharField(max_length=64, help_text="The hash of the link before.")
    made_at = models.DateTimeField(help_text="When it was committed.")
    table_name = models.CharField(max_length=63)
    column_count = models.SmallIntegerField(help_text="So many columns the table had, and were hashed.")
    row_hashes = models.JSONField(help_text="SHA-256 of each row by its key.")
    hash = models.CharField(max_length=64, help_text="SHA-256 of all that stands before it in this row.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["previous"], name="a_link_has_one_successor"),
            models.UniqueConstraint(fields=["hash"], name="a_link_hash_once"),
        ]

    def __str__(self) -> str:
        return f"link {self.number}"
