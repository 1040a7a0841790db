// node pg: a client that reads user and password together when it connects. `password: async () => …` alone is not enough: the user
// changes with it.
import pg from "pg";
import { credential } from "./secret.mjs";

class RotatingClient extends pg.Client {
  connect(callback) {
    const connected = credential().then((now) => {
      Object.assign(this, now);
      Object.assign(this.connectionParameters, now);
      return super.connect();
    });
    if (!callback) return connected;
    connected.then(() => callback(), callback);
  }
}

const pool = new pg.Pool({ Client: RotatingClient, max: 4, maxLifetimeSeconds: Number(process.env.LIFETIME) }); // well below `grace`
pool.on("error", () => {}); // an idle connection that the server ended

export async function use() {
  return (await pool.query("SELECT current_user")).rows[0].current_user;
}

export const end = () => pool.end();
