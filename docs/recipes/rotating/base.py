"""Django: `"ENGINE": "rotating"`. What is called for each new connection is `get_connection_params`. With `OPTIONS["pool"]` Django reads it
once: leave that out."""
from django.db.backends.postgresql import base
from psycopg.conninfo import conninfo_to_dict
from secret import secret


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self):
        return {**super().get_connection_params(), **conninfo_to_dict(secret())}
