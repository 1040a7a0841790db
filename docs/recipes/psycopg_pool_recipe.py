"""psycopg_pool: what is called for each new connection is `conninfo`."""
import os

from psycopg_pool import ConnectionPool
from secret import secret

pool = ConnectionPool(
    conninfo=secret,  # user and password together, whenever a connection is opened
    kwargs={"prepare_threshold": None},  # where PgBouncer is between, in transaction mode
    min_size=1,
    max_size=4,
    max_lifetime=float(os.environ["LIFETIME"]),  # seconds; well below `grace`
)


def use():
    with pool.connection() as connection:
        return connection.execute("SELECT current_user").fetchone()[0]
