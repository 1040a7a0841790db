"""asyncpg: what is called for each new connection is `connect`. A `password=` that is a function is not enough: the user
changes with it."""
import asyncio
import os

import asyncpg
from secret import secret


async def connect(*_, **options):
    url = await asyncio.to_thread(secret)
    return await asyncpg.connect(url, **options)


async def open_pool():
    pool = await asyncpg.create_pool(connect=connect, min_size=1, max_size=4)
    return pool, asyncio.create_task(renew(pool))


async def renew(pool):
    # asyncpg has no longest life of a connection.
    while True:
        await asyncio.sleep(float(os.environ["LIFETIME"]))  # seconds; well below `grace`
        await pool.expire_connections()


async def use(pool):
    return await pool.fetchval("SELECT current_user")
