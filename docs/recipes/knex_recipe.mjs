// knex: `connection` is called again once `expirationChecker` says so; without one it is called once.
import knex from "knex";
import { credential } from "./secret.mjs";

const lifetime = 1000 * Number(process.env.LIFETIME); // well below `grace`

const database = knex({
  client: "pg",
  pool: { min: 0, max: 4, idleTimeoutMillis: lifetime },
  connection: async () => {
    const until = Date.now() + lifetime;
    return { ...(await credential()), expirationChecker: () => Date.now() > until };
  },
});

export async function use() {
  return (await database.raw("SELECT current_user")).rows[0].current_user;
}

export const end = () => database.destroy();
