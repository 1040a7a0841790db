"""Django: the settings that go with `rotating/base.py`."""
import os

import django
from django.conf import settings

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "rotating",
            "NAME": "shop",
            "CONN_MAX_AGE": int(os.environ["LIFETIME"]),  # seconds; well below `grace`
            "CONN_HEALTH_CHECKS": True,
        }
    }
)
django.setup()

from django.db import close_old_connections, connection  # noqa: E402


def use():
    close_old_connections()  # as Django does at the begin of each request
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return cursor.fetchone()[0]
