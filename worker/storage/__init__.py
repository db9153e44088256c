"""What the paper keeps: the one Django app. Models, migrations, and statements that touch many rows."""
