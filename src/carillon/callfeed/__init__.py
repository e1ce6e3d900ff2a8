"""The read contract between business and call path: documents, views, snapshot. No Django."""
