"""SQLAlchemy: what is called for each new connection is `creator`."""
import os

import psycopg
from secret import secret
from sqlalchemy import create_engine, text

engine = create_engine(
    "postgresql+psycopg://",
    creator=lambda: psycopg.connect(secret()),  # user and password together
    pool_recycle=int(os.environ["LIFETIME"]),  # seconds; well below `grace`
    pool_pre_ping=True,
)


def use():
    with engine.connect() as connection:
        return connection.execute(text("SELECT current_user")).scalar_one()
