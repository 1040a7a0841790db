"""Uses the recipe that is named until the file `stop` is there, and prints how often it worked and how often it was refused."""
import asyncio
import importlib
import inspect
import os
import sys
import time

recipe = importlib.import_module(sys.argv[1])
stop = sys.argv[2]
uses, refused = 0, []


def count(user):
    global uses
    assert user == "app", user
    uses += 1


def loop():
    while not os.path.exists(stop):
        try:
            count(recipe.use())
        except Exception as error:
            refused.append(str(error))
        time.sleep(0.05)


async def loop_async():
    pool, renewing = await recipe.open_pool()
    while not os.path.exists(stop):
        try:
            count(await recipe.use(pool))
        except Exception as error:
            refused.append(str(error))
        await asyncio.sleep(0.05)
    renewing.cancel()
    pool.terminate()


asyncio.run(loop_async()) if inspect.iscoroutinefunction(recipe.use) else loop()
print(uses, len(refused), *refused[:3], flush=True)
os._exit(0)
